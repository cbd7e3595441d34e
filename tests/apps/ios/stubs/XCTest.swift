// The part of XCTest that the app's farm tests use, as Apple's documentation declares it.
import Foundation

open class XCTest: NSObject {}

open class XCTestCase: XCTest {
    open func measure(metrics: [any XCTMetric], block: () -> Void) {}
    public func add(_ attachment: XCTAttachment) {}
}

public protocol XCTMetric: NSObjectProtocol {}
public final class XCTClockMetric: NSObject, XCTMetric {}
public final class XCTCPUMetric: NSObject, XCTMetric {}
public final class XCTMemoryMetric: NSObject, XCTMetric {}

open class XCTAttachment: NSObject {
    public enum Lifetime: Int, Sendable { case keepAlways, deleteOnSuccess }
    public init(data payload: Data, uniformTypeIdentifier identifier: String) {}
    open var name: String?
    open var lifetime: Lifetime = .deleteOnSuccess
}

public func XCTUnwrap<T>(
    _ expression: @autoclosure () throws -> T?, _ message: @autoclosure () -> String = "",
    file: StaticString = #filePath, line: UInt = #line
) throws -> T { fatalError() }

public func XCTFail(
    _ message: String = "", file: StaticString = #filePath, line: UInt = #line
) {}

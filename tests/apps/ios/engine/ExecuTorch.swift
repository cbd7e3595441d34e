// The part of ExecuTorch's Swift interface that the app uses, with the names and types of
// extension/apple/ExecuTorch of v1.4.1, over the runtime of the Linux wheel: so the app's own
// ExecuTorchBackend.swift runs a .pte here, unmodified.
import CExecuTorch
import Foundation

/// Foundation brings it along on Apple's systems; here there is nothing to release.
public func autoreleasepool<R>(invoking body: () throws -> R) rethrows -> R { try body() }

/// Numbers of c10::ScalarType, as ExecuTorchTensor.h has them.
public enum DataType: Int8, Sendable {
    case byte = 0
    case char, short, int, long, half, float, double
}

public struct RuntimeFailure: Swift.Error, CustomStringConvertible {
    public let code: Int32
    public var description: String { "ExecuTorch error \(code)" }
}

private func check(_ code: Int32) throws {
    if code != 0 { throw RuntimeFailure(code: code) }
}

public final class AnyTensor {
    public let shape: [Int]
    public let dataType: DataType
    public let count: Int
    fileprivate let pointer: UnsafeMutableRawPointer

    public init(
        bytesNoCopy pointer: UnsafeMutableRawPointer, shape: [Int], strides: [Int] = [],
        dimensionOrder: [Int] = [], dataType: DataType
    ) {
        self.pointer = pointer
        self.shape = shape
        self.dataType = dataType
        count = shape.reduce(1, *)
    }

    public func bytes(_ handler: (UnsafeRawPointer, Int, DataType) -> Void) {
        handler(UnsafeRawPointer(pointer), count, dataType)
    }
}

public final class Value {
    public let anyTensor: AnyTensor?
    fileprivate init(_ tensor: AnyTensor?) { anyTensor = tensor }
}

public protocol ValueConvertible {
    func asValue() -> Value
}

extension AnyTensor: ValueConvertible {
    public func asValue() -> Value { Value(self) }
}

public final class BackendOption {
    public let key: String
    public let stringValue: String?

    public init(_ key: String, _ value: String) {
        self.key = key
        stringValue = value
    }
}

public final class BackendOptionsMap {
    public let options: [String: [BackendOption]]
    public init(options: [String: [BackendOption]]) throws { self.options = options }
}

public enum ModuleLoadMode: Int, Sendable {
    case file, mmap, mmapUseMlock, mmapUseMlockIgnoreErrors
}

public class Module {
    private let path: String
    private var method: OpaquePointer?

    /// Reads the file whatever the mode.
    public init(filePath: String, loadMode: ModuleLoadMode = .file) { path = filePath }

    deinit { if let method { et_free(method) } }

    public func load(_ name: String) throws {
        if method == nil { try check(et_load(path, name, &method)) }
    }

    /// The wheel for Linux has no Core ML, which alone takes options.
    public func load(_ name: String, options: BackendOptionsMap) throws { try load(name) }

    public func setInput(_ value: ValueConvertible) throws {
        try load("forward")
        guard let tensor = value.asValue().anyTensor else { throw RuntimeFailure(code: -1) }
        try check(
            et_set_input(
                method, tensor.pointer, tensor.shape.map(Int32.init), tensor.shape.count,
                tensor.dataType.rawValue))
    }

    public func forward() throws -> [Value] {
        try load("forward")
        try check(et_execute(method))
        return (0..<et_outputs(method)).map { index in
            var count = 0
            var type: Int8 = 0
            guard let data = et_output(method, index, &count, &type),
                let dataType = DataType(rawValue: type)
            else { return Value(nil) }
            return Value(
                AnyTensor(
                    bytesNoCopy: UnsafeMutableRawPointer(mutating: data), shape: [count],
                    dataType: dataType))
        }
    }
}

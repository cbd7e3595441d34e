// The part of CoreVideo that the app uses.
@_exported import CoreGraphics

//: Swift
public class CVBuffer {}
//: Swift
public typealias CVPixelBuffer = CVBuffer
//: Swift
public typealias CVReturn = Int32
//: Swift
public typealias CFAllocator = AnyObject

//: CVPixelBufferLockFlags
public struct CVPixelBufferLockFlags: OptionSet, Sendable {
    //: Swift
    public let rawValue: UInt64
    //: Swift
    public init(rawValue: UInt64) { self.rawValue = rawValue }
}

//: kCFAllocatorDefault
public nonisolated(unsafe) let kCFAllocatorDefault: CFAllocator? = nil
//: kCVReturnSuccess
public let kCVReturnSuccess: CVReturn = 0
//: kCVPixelFormatType_32BGRA
public let kCVPixelFormatType_32BGRA: UInt32 = 0x4247_5241
//: kCVPixelBufferIOSurfacePropertiesKey
public let kCVPixelBufferIOSurfacePropertiesKey = "IOSurfaceProperties"

//: CVPixelBufferCreate
public func CVPixelBufferCreate(
    _ allocator: CFAllocator?, _ width: Int, _ height: Int, _ pixelFormatType: UInt32,
    _ pixelBufferAttributes: CFDictionary?, _ pixelBufferOut: UnsafeMutablePointer<CVPixelBuffer?>
) -> CVReturn { fatalError() }

//: CVPixelBufferLockBaseAddress
public func CVPixelBufferLockBaseAddress(
    _ pixelBuffer: CVPixelBuffer, _ lockFlags: CVPixelBufferLockFlags
) -> CVReturn { fatalError() }

//: CVPixelBufferUnlockBaseAddress
@discardableResult
public func CVPixelBufferUnlockBaseAddress(
    _ pixelBuffer: CVPixelBuffer, _ unlockFlags: CVPixelBufferLockFlags
) -> CVReturn { fatalError() }

//: CVPixelBufferGetBaseAddress
public func CVPixelBufferGetBaseAddress(
    _ pixelBuffer: CVPixelBuffer
) -> UnsafeMutableRawPointer? { fatalError() }

//: CVPixelBufferGetBytesPerRow
public func CVPixelBufferGetBytesPerRow(_ pixelBuffer: CVPixelBuffer) -> Int { fatalError() }

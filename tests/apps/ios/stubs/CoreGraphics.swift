// The part of CoreGraphics that the app uses. Foundation on Linux has CGRect and CGFloat.
@_exported import Foundation

//: Swift
public typealias CFDictionary = [String: Any]

//: Swift
public class CGImage: @unchecked Sendable {
    //: CGImageGetWidth
    public var width: Int { fatalError() }
    //: CGImageGetHeight
    public var height: Int { fatalError() }
}

//: Swift
public class CGColorSpace {
    //: CGColorSpaceCreateWithName
    public init?(name: String) { fatalError() }
    //: kCGColorSpaceSRGB
    public static let sRGB = "kCGColorSpaceSRGB"
}

//: CGImageAlphaInfo
public enum CGImageAlphaInfo: UInt32 {
    //: CGImageAlphaInfo.kCGImageAlpha*
    case none, premultipliedLast, premultipliedFirst, last, first, noneSkipLast, noneSkipFirst, only
}

//: Swift
public class CGContext {
    //: CGBitmapContextCreate
    public init?(
        data: UnsafeMutableRawPointer?, width: Int, height: Int, bitsPerComponent: Int,
        bytesPerRow: Int, space: CGColorSpace, bitmapInfo: UInt32
    ) { fatalError() }
    //: CGBitmapContextGetData
    public var data: UnsafeMutableRawPointer? { fatalError() }
    //: CGBitmapContextGetBytesPerRow
    public var bytesPerRow: Int { fatalError() }
    //: CGContextDrawImage
    public func draw(_ image: CGImage, in rect: CGRect) { fatalError() }
}

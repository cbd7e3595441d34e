// The part of CoreGraphics that the app uses. Foundation on Linux has CGRect and CGFloat.
@_exported import Foundation

public typealias CFDictionary = [String: Any]

public class CGImage: @unchecked Sendable {
    public var width: Int { fatalError() }
    public var height: Int { fatalError() }
}

public class CGColorSpace {
    public init?(name: String) { fatalError() }
    public static let sRGB = "kCGColorSpaceSRGB"
}

public enum CGImageAlphaInfo: UInt32 {
    case none, premultipliedLast, premultipliedFirst, last, first, noneSkipLast, noneSkipFirst
    case alphaOnly
}

public class CGContext {
    public init?(
        data: UnsafeMutableRawPointer?, width: Int, height: Int, bitsPerComponent: Int,
        bytesPerRow: Int, space: CGColorSpace, bitmapInfo: UInt32
    ) { fatalError() }
    public var data: UnsafeMutableRawPointer? { fatalError() }
    public var bytesPerRow: Int { fatalError() }
    public func draw(_ image: CGImage, in rect: CGRect) { fatalError() }
}

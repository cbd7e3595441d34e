import CoreGraphics
import SlideCore
import UIKit

/// A decoded photo, as it is stored, and how it has to be turned.
struct Photo: Sendable {
    let raster: Raster
    let exifOrientation: Int

    /// Draws an image as sRGB; throws `NotUsable` if it cannot be decoded. A photo of a wide gamut is
    /// converted here, which Pillow does not do on the host.
    init(_ image: UIImage) throws {
        guard let pixels = image.cgImage, let space = CGColorSpace(name: CGColorSpace.sRGB),
            let context = CGContext(
                data: nil, width: pixels.width, height: pixels.height, bitsPerComponent: 8,
                bytesPerRow: 0, space: space, bitmapInfo: CGImageAlphaInfo.noneSkipLast.rawValue)
        else { throw NotUsable("the photo cannot be decoded") }
        context.draw(pixels, in: CGRect(x: 0, y: 0, width: pixels.width, height: pixels.height))
        guard let memory = context.data else { throw NotUsable("the photo cannot be decoded") }
        let bytes = UnsafeRawBufferPointer(
            start: memory, count: context.bytesPerRow * pixels.height)
        raster = Raster(
            width: pixels.width, height: pixels.height, rgbx: bytes, rowBytes: context.bytesPerRow)
        exifOrientation = image.imageOrientation.exif
    }
}

extension UIImage.Orientation {
    /// UIKit numbers orientations differently from EXIF.
    var exif: Int {
        switch self {
        case .up: 1
        case .upMirrored: 2
        case .down: 3
        case .downMirrored: 4
        case .leftMirrored: 5
        case .right: 6
        case .rightMirrored: 7
        case .left: 8
        @unknown default: 1
        }
    }
}

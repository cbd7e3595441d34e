import Foundation

/// A decoded image: RGB, 8 bits a channel, rows from the top, no padding.
public struct Raster: Equatable, Sendable {
    public let width: Int
    public let height: Int
    public let rgb: [UInt8]  // height * width * 3

    public init(width: Int, height: Int, rgb: [UInt8]) {
        precondition(width > 0 && height > 0 && rgb.count == width * height * 3)
        self.width = width
        self.height = height
        self.rgb = rgb
    }

    /// Reads a golden image: a binary PPM of exactly this size, as written by
    /// slide_mobile/artifact/golden.py. Throws `NotUsable` for any other bytes.
    init(ppm data: Data, height: Int, width: Int) throws {
        let header = Data("P6\n\(width) \(height)\n255\n".utf8)
        guard data.starts(with: header), data.count == header.count + height * width * 3 else {
            throw NotUsable("a golden image is not a PPM of \(width) x \(height) pixels")
        }
        self.init(width: width, height: height, rgb: [UInt8](data.dropFirst(header.count)))
    }

    /// Copies pixels of four bytes, as CoreGraphics draws them, without the last byte of each. Rows
    /// may be padded to `rowBytes`.
    public init(width: Int, height: Int, rgbx: UnsafeRawBufferPointer, rowBytes: Int) {
        precondition(rowBytes >= width * 4 && rgbx.count >= (height - 1) * rowBytes + width * 4)
        let rgb = [UInt8](unsafeUninitializedCapacity: width * height * 3) { target, count in
            for y in 0..<height {
                for x in 0..<width {
                    let from = y * rowBytes + x * 4
                    let to = (y * width + x) * 3
                    target[to] = rgbx[from]
                    target[to + 1] = rgbx[from + 1]
                    target[to + 2] = rgbx[from + 2]
                }
            }
            count = width * height * 3
        }
        self.init(width: width, height: height, rgb: rgb)
    }

    /// Turns the image by its EXIF orientation, 1 to 8; other values mean upright, as in Pillow.
    public func upright(exifOrientation orientation: Int) -> Raster {
        guard (2...8).contains(orientation) else { return self }
        let turned = orientation >= 5  // rows become columns
        let (outWidth, outHeight) = turned ? (height, width) : (width, height)
        let pixels = [UInt8](unsafeUninitializedCapacity: rgb.count) { target, count in
            rgb.withUnsafeBufferPointer { source in
                for y in 0..<outHeight {
                    for x in 0..<outWidth {
                        let (sx, sy) = storedPosition(x: x, y: y, orientation: orientation)
                        let from = (sy * width + sx) * 3
                        let to = (y * outWidth + x) * 3
                        target[to] = source[from]
                        target[to + 1] = source[from + 1]
                        target[to + 2] = source[from + 2]
                    }
                }
            }
            count = rgb.count
        }
        return Raster(width: outWidth, height: outHeight, rgb: pixels)
    }

    /// Where the upright pixel (x, y) is stored: EXIF 2.3, tag 0x0112.
    @inline(__always)
    private func storedPosition(x: Int, y: Int, orientation: Int) -> (x: Int, y: Int) {
        let (right, bottom) = (width - 1, height - 1)
        switch orientation {
        case 2: return (right - x, y)
        case 3: return (right - x, bottom - y)
        case 4: return (x, bottom - y)
        case 5: return (y, x)
        case 6: return (y, bottom - x)
        case 7: return (right - y, bottom - x)
        case 8: return (right - y, x)
        default: return (x, y)
        }
    }
}

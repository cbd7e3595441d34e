/// Turns pixels into the numbers that a model takes, still 0...255: it normalizes them itself.
extension Manifest.Input {
    public var byteCount: Int { shape.reduce(elementSize, *) }

    public var elementSize: Int {
        switch dtype {
        case .float32: 4
        case .float16: 2
        case .uint8: 1
        }
    }

    /// Fills a buffer of `byteCount` bytes in this layout; the raster has this size.
    public func write(_ image: Raster, into buffer: UnsafeMutableRawBufferPointer) {
        precondition(image.width == width && image.height == height && buffer.count >= byteCount)
        let pixels = width * height
        for pixel in 0..<pixels {
            for channel in 0..<3 {
                let index = layout == .nhwc ? pixel * 3 + channel : channel * pixels + pixel
                let value = image.rgb[pixel * 3 + channel]
                switch dtype {
                case .float32:
                    buffer.storeBytes(of: Float(value), toByteOffset: index * 4, as: Float.self)
                case .float16:
                    buffer.storeBytes(of: halfBits(value), toByteOffset: index * 2, as: UInt16.self)
                case .uint8: buffer[index] = value
                }
            }
        }
    }
}

/// The bits of a byte in half precision, exact. Not every simulator has Swift's Float16.
func halfBits(_ value: UInt8) -> UInt16 {
    if value == 0 { return 0 }
    let exponent = 7 - value.leadingZeroBitCount
    let mantissa = (UInt16(value) << UInt16(10 - exponent)) & 0x3ff
    return UInt16(exponent + 15) << 10 | mantissa
}

/// The number that bits of half precision stand for.
public func float(ofHalfBits bits: UInt16) -> Float {
    let sign: Float = bits & 0x8000 == 0 ? 1 : -1
    let exponent = Int(bits >> 10) & 0x1f
    let mantissa = Float(bits & 0x3ff) / 1024
    switch exponent {
    case 0: return sign * mantissa * Float(sign: .plus, exponent: -14, significand: 1)
    case 31: return mantissa == 0 ? sign * .infinity : .nan
    default: return sign * Float(sign: .plus, exponent: exponent - 15, significand: 1 + mantissa)
    }
}

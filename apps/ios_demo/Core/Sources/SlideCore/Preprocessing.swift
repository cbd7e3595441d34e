/// From decoded pixels to the model's pixels, byte for byte as in slide_mobile/preprocess.py and
/// the Android app. apps/conformance/README.md states the rules, and its vectors test them.
public enum Preprocessing {
    /// The share of the shorter side that the center crop keeps: 224 of 256, as for ImageNet.
    public static let crop = 0.875

    /// Turns an image upright, crops its center and resizes it, unless it has the size already.
    public static func fit(
        _ image: Raster, exifOrientation: Int = 1, width: Int, height: Int
    ) -> Raster {
        let upright = image.upright(exifOrientation: exifOrientation)
        if upright.width == width && upright.height == height { return upright }
        let scale =
            min(Double(upright.width) / Double(width), Double(upright.height) / Double(height))
            * crop
        let (boxWidth, boxHeight) = (Double(width) * scale, Double(height) * scale)
        let left = (Double(upright.width) - boxWidth) / 2
        let top = (Double(upright.height) - boxHeight) / 2
        // Pillow's C code takes the box as 32-bit floats.
        return upright.resized(
            columns: Taps(
                from: Float(left), to: Float(left + boxWidth), of: upright.width, count: width),
            rows: Taps(
                from: Float(top), to: Float(top + boxHeight), of: upright.height, count: height)
        )
    }
}

/// The weights of the inputs for each output along one axis: Pillow's bicubic in 22-bit fixed point
/// (Resample.c, `precompute_coeffs` and `normalize_coeffs_8bpc`).
struct Taps {
    let starts: [Int]  // one an output
    let counts: [Int]
    let weights: [Int32]  // `stride` an output
    let stride: Int

    init(from first: Float, to end: Float, of size: Int, count: Int) {
        let scale = Double(end - first) / Double(count)
        let filterScale = max(scale, 1)
        let support = 2 * filterScale
        let inverse = 1 / filterScale
        stride = Int(support.rounded(.up)) * 2 + 1
        var starts: [Int] = []
        var counts: [Int] = []
        var weights = [Int32](repeating: 0, count: count * stride)
        for output in 0..<count {
            let center = Double(first) + (Double(output) + 0.5) * scale
            let lowest = max(0, Int(center - support + 0.5))
            let highest = min(size, Int(center + support + 0.5))
            var row: [Double] = []
            var total = 0.0
            for x in lowest..<highest {
                let weight = Self.bicubic((Double(x) - center + 0.5) * inverse)
                row.append(weight)
                total += weight
            }
            for (offset, weight) in row.enumerated() {
                let share = total == 0 ? weight : weight / total
                let fixed = share * Double(1 << Self.precision)
                weights[output * stride + offset] = Int32(fixed < 0 ? fixed - 0.5 : fixed + 0.5)
            }
            starts.append(lowest)
            counts.append(highest - lowest)
        }
        self.starts = starts
        self.counts = counts
        self.weights = weights
    }

    static let precision = 22

    private static func bicubic(_ position: Double) -> Double {
        let a = -0.5
        let x = abs(position)
        if x < 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
        if x < 2 { return (((x - 5) * x + 8) * x - 4) * a }
        return 0
    }
}

extension Raster {
    /// Resizes along rows, then along columns of the 8-bit result, as Pillow does.
    func resized(columns: Taps, rows: Taps) -> Raster {
        let outWidth = columns.starts.count
        let outHeight = rows.starts.count
        let firstRow = rows.starts.min()!
        let lastRow = zip(rows.starts, rows.counts).map(+).max()!
        var wide = [UInt8](repeating: 0, count: (lastRow - firstRow) * outWidth * 3)
        var result = [UInt8](repeating: 0, count: outHeight * outWidth * 3)
        rgb.withUnsafeBufferPointer { source in
            wide.withUnsafeMutableBufferPointer { target in
                for y in firstRow..<lastRow {
                    for x in 0..<outWidth {
                        Self.blend(
                            source, at: (y * width + columns.starts[x]) * 3, step: 3, columns, x,
                            into: target, at: ((y - firstRow) * outWidth + x) * 3)
                    }
                }
            }
        }
        wide.withUnsafeBufferPointer { source in
            result.withUnsafeMutableBufferPointer { target in
                for y in 0..<outHeight {
                    for x in 0..<outWidth {
                        Self.blend(
                            source, at: ((rows.starts[y] - firstRow) * outWidth + x) * 3,
                            step: outWidth * 3, rows, y,
                            into: target, at: (y * outWidth + x) * 3)
                    }
                }
            }
        }
        return Raster(width: outWidth, height: outHeight, rgb: result)
    }

    /// One pixel: a weighted sum of pixels that are `step` bytes apart, rounded and clipped.
    @inline(__always)
    private static func blend(
        _ source: UnsafeBufferPointer<UInt8>, at start: Int, step: Int, _ taps: Taps, _ output: Int,
        into target: UnsafeMutableBufferPointer<UInt8>, at position: Int
    ) {
        let half = 1 << (Taps.precision - 1)
        var (red, green, blue) = (half, half, half)
        var from = start
        let base = output * taps.stride
        taps.weights.withUnsafeBufferPointer { weights in
            for tap in 0..<taps.counts[output] {
                let weight = Int(weights[base + tap])
                red += Int(source[from]) * weight
                green += Int(source[from + 1]) * weight
                blue += Int(source[from + 2]) * weight
                from += step
            }
        }
        target[position] = clip(red)
        target[position + 1] = clip(green)
        target[position + 2] = clip(blue)
    }

    @inline(__always)
    private static func clip(_ sum: Int) -> UInt8 {
        UInt8(max(0, min(255, sum >> Taps.precision)))
    }
}

import Foundation
import Testing

@testable import SlideCore

struct PreprocessingTests {
    struct Vectors: Decodable { let cases: [Case] }

    struct Case: Decodable {
        let name: String
        let height: Int
        let width: Int
        let orientation: Int
        let targetHeight: Int
        let targetWidth: Int
        let pixels: String?
        let lcgSeed: UInt32?
        let expected: String?
        let expectedSha256: String

        func decoded() throws -> [UInt8] {
            if let pixels { return try Conformance.bytes("resize/" + pixels) }
            var state = lcgSeed!
            return (0..<height * width * 3).map { _ in
                state = 1_664_525 &* state &+ 1_013_904_223
                return UInt8(state >> 24)
            }
        }
    }

    @Test func everyByteIsPythons() throws {
        let cases = try Conformance.read("resize/cases.json", as: Vectors.self).cases
        #expect(cases.count > 10)
        for known in cases {
            let image = try Raster(width: known.width, height: known.height, rgb: known.decoded())
            let fitted = Preprocessing.fit(
                image, exifOrientation: known.orientation, width: known.targetWidth,
                height: known.targetHeight)
            #expect(sha256(Data(fitted.rgb)) == known.expectedSha256, "\(known.name)")
            if let expected = known.expected {
                let bytes = try Conformance.bytes("resize/" + expected)
                #expect(zip(fitted.rgb, bytes).allSatisfy(==), "\(known.name)")
            }
        }
    }

    @Test func fourBytesAPixelWithPaddedRows() {
        var rgbx = [UInt8](repeating: 99, count: 2 * 12)
        for (pixel, at) in [0, 4, 12, 16].enumerated() {
            for channel in 0..<3 { rgbx[at + channel] = UInt8(pixel * 3 + channel) }
        }
        let image = rgbx.withUnsafeBytes { Raster(width: 2, height: 2, rgbx: $0, rowBytes: 12) }
        #expect(image.rgb == Array(0..<12))
    }

    @Test(
        arguments: [Manifest.Input.Layout.nhwc, .nchw],
        [Manifest.Input.Element.float32, .float16, .uint8])
    func inputsHaveTheManifestsLayoutAndType(
        layout: Manifest.Input.Layout, dtype: Manifest.Input.Element
    ) {
        let shape = layout == .nhwc ? [1, 2, 3, 3] : [1, 3, 2, 3]
        let input = Manifest.Input(name: "image", shape: shape, layout: layout, dtype: dtype)
        let image = Raster(width: 3, height: 2, rgb: (0..<18).map { UInt8($0 * 14) })
        var memory = [UInt8](repeating: 0, count: input.byteCount)
        memory.withUnsafeMutableBytes { buffer in
            input.write(image, into: buffer)
            for y in 0..<2 {
                for x in 0..<3 {
                    for channel in 0..<3 {
                        let index =
                            layout == .nhwc ? (y * 3 + x) * 3 + channel : (channel * 2 + y) * 3 + x
                        let expected = Float(image.rgb[(y * 3 + x) * 3 + channel])
                        #expect(value(buffer, index, dtype) == expected)
                    }
                }
            }
        }
    }

    func value(
        _ buffer: UnsafeMutableRawBufferPointer, _ index: Int, _ dtype: Manifest.Input.Element
    ) -> Float {
        switch dtype {
        case .float32: buffer.load(fromByteOffset: index * 4, as: Float.self)
        case .float16: float(ofHalfBits: buffer.load(fromByteOffset: index * 2, as: UInt16.self))
        case .uint8: Float(buffer[index])
        }
    }

    @Test func everyByteIsExactInHalfPrecision() {
        for value in UInt8.min...UInt8.max {
            #expect(float(ofHalfBits: halfBits(value)) == Float(value))
        }
        #expect(float(ofHalfBits: 0xc100) == -2.5)
        #expect(float(ofHalfBits: 0x0001) == 0x1p-24)
        #expect(float(ofHalfBits: 0x7c00) == .infinity)
        #expect(float(ofHalfBits: 0x7e00).isNaN)
    }
}

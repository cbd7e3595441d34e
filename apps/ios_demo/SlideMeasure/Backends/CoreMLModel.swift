#if canImport(CoreML)
    import CoreML
    import CoreVideo
    import Foundation
    import SlideCore

    /// A Core ML model with its buffers: the image is written into one pixel buffer, which Core ML
    /// reads in place, and the outputs come back in arrays that were allocated here.
    final class CoreMLModel: LoadedModel {
        let threads: Int? = nil
        private let model: MLModel
        private let pixels: CVPixelBuffer
        private let input: MLDictionaryFeatureProvider
        private let options = MLPredictionOptions()
        private let outputName: String
        private var outputs: (any MLFeatureProvider)?

        init(_ artifact: Artifact, _ compiled: URL, _ configuration: MLModelConfiguration) throws {
            let manifest = artifact.manifest
            model = try MLModel(contentsOf: compiled, configuration: configuration)
            guard
                model.modelDescription.inputDescriptionsByName[manifest.input.name]?.type == .image
            else { throw NotUsable("the model's input is not an image") }
            pixels = try Self.pixelBuffer(
                width: manifest.input.width, height: manifest.input.height)
            input = try MLDictionaryFeatureProvider(
                dictionary: [manifest.input.name: MLFeatureValue(pixelBuffer: pixels)])
            outputName = manifest.outputs[0].name
            var backings: [String: Any] = [:]
            for output in manifest.outputs {
                backings[output.name] = try MLMultiArray(
                    shape: output.shape.map { NSNumber(value: $0) },
                    dataType: output.dtype == "float16" ? .float16 : .float32)
            }
            options.outputBackings = backings
        }

        /// Backed by an IOSurface, which GPU and Neural Engine read without a copy.
        private static func pixelBuffer(width: Int, height: Int) throws -> CVPixelBuffer {
            let attributes = [kCVPixelBufferIOSurfacePropertiesKey as String: [String: Any]()]
            var buffer: CVPixelBuffer?
            let status = CVPixelBufferCreate(
                kCFAllocatorDefault, width, height, kCVPixelFormatType_32BGRA,
                attributes as CFDictionary, &buffer)
            guard status == kCVReturnSuccess, let buffer else {
                throw NotUsable("no pixel buffer of \(width) x \(height) (\(status))")
            }
            return buffer
        }

        func setInput(_ image: Raster) throws {
            guard CVPixelBufferLockBaseAddress(pixels, []) == kCVReturnSuccess,
                let base = CVPixelBufferGetBaseAddress(pixels)
            else { throw NotUsable("the pixel buffer cannot be written") }
            defer { CVPixelBufferUnlockBaseAddress(pixels, []) }
            let rowBytes = CVPixelBufferGetBytesPerRow(pixels)
            let bytes = base.assumingMemoryBound(to: UInt8.self)
            for y in 0..<image.height {
                for x in 0..<image.width {
                    let from = (y * image.width + x) * 3
                    let to = y * rowBytes + x * 4
                    bytes[to] = image.rgb[from + 2]
                    bytes[to + 1] = image.rgb[from + 1]
                    bytes[to + 2] = image.rgb[from]
                    bytes[to + 3] = 255
                }
            }
        }

        /// Runs in its own autorelease pool: otherwise objects pile up during a measurement.
        func run() throws {
            outputs = try autoreleasepool {
                try model.prediction(from: input, options: options)
            }
        }

        func logits() throws -> [Float] {
            guard let array = outputs?.featureValue(for: outputName)?.multiArrayValue else {
                throw NotUsable("the model gave no logits")
            }
            return try (0..<array.count).map { index in
                switch array.dataType {
                case .float32: array.dataPointer.load(fromByteOffset: index * 4, as: Float.self)
                case .float16:
                    float(
                        ofHalfBits: array.dataPointer.load(
                            fromByteOffset: index * 2, as: UInt16.self))
                default: throw NotUsable("the logits are of an unexpected type")
                }
            }
        }
    }
#endif

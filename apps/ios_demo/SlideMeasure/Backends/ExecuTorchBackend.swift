#if canImport(ExecuTorch)
    import ExecuTorch
    import Foundation
    import SlideCore

    /// Runs .pte files, with the delegate that they were lowered for: XNNPACK or Core ML.
    struct ExecuTorchBackend: Backend {
        let name = "ExecuTorch"
        /// The framework does not report its version; the Xcode project asks for this one.
        let version = "1.4.1"
        let key = "executorch"

        func refusal(of manifest: Manifest) -> String? {
            guard manifest.target == "executorch" else {
                return "ExecuTorch runs .pte files, this is for \(manifest.target)"
            }
            // A .pte for another delegate would load on a phone and fail at its first run.
            guard delegates.contains(manifest.backend) else {
                return "this app has no \(manifest.backend) delegate, only "
                    + delegates.joined(separator: " and ")
            }
            return Releases.refusal(name, version, oldest: manifest.graph.minRuntime)
        }

        private let delegates = ["xnnpack", "coreml"]

        func accelerators(for manifest: Manifest) -> [Accelerator] {
            guard manifest.backend == "coreml" else { return [Accelerator(id: "cpu", name: "CPU")] }
            return CoreMLUnits.allCases.map(\.accelerator)
        }

        func threadChoices(for manifest: Manifest, cores: Int) -> [Int] {
            manifest.backend == "xnnpack" ? Array(1...max(cores, 1)) : []
        }

        func prepare(_ artifact: Artifact) async throws -> Made {
            Made(artifact.manifest.backend == "xnnpack" ? .xnnpack : .delegate)
        }

        func load(_ artifact: Artifact, _ options: RunOptions) throws -> any LoadedModel {
            try ThreadPoolUse.shared.require(options.threads)
            do {
                return try ExecuTorchModel(artifact, options)
            } catch {
                ThreadPoolUse.shared.release()
                throw error
            }
        }

        func placement(of artifact: Artifact, _ options: RunOptions) async -> Whereabouts? {
            artifact.manifest.backend == "xnnpack" ? Whereabouts(used: "cpu, XNNPACK") : nil
        }
    }

    /// The `forward` of a .pte with its buffers. An image is written once, into memory of this
    /// object; each run hands it over, as Android's `forward(input)` and the host do. Where the
    /// file plans memory for its input, ExecuTorch copies it there, and what a run computes later
    /// may lie in the same place: once is not enough, and the copy is a part of what a run costs.
    private final class ExecuTorchModel: LoadedModel {
        /// Of the pool that XNNPACK computes on; Core ML has its own.
        let threads: Int?
        private let module: Module
        private let backendOptions: BackendOptionsMap?
        private let input: Manifest.Input
        private let memory: UnsafeMutableRawBufferPointer
        private let tensor: AnyTensor
        private var outputs: [Value] = []

        init(_ artifact: Artifact, _ options: RunOptions) throws {
            input = artifact.manifest.input
            threads = artifact.manifest.backend == "xnnpack" ? Int(slide_thread_count()) : nil
            module = Module(filePath: artifact.modelURL.path, loadMode: .mmap)
            if artifact.manifest.backend == "coreml" {
                let units = CoreMLUnits(options.accelerator).rawValue
                let map = try BackendOptionsMap(
                    options: ["CoreMLBackend": [BackendOption("compute_unit", units)]])
                try module.load("forward", options: map)
                backendOptions = map
            } else {
                backendOptions = nil
                try module.load("forward")
            }
            memory = .allocate(byteCount: input.byteCount, alignment: 64)
            memory.initializeMemory(as: UInt8.self, repeating: 0)
            tensor = AnyTensor(
                bytesNoCopy: memory.baseAddress!, shape: input.shape, dataType: input.dtype.dataType
            )
        }

        deinit {
            memory.deallocate()
            ThreadPoolUse.shared.release()
        }

        func setInput(_ image: Raster) throws {
            input.write(image, into: memory)
        }

        /// Runs in its own autorelease pool: otherwise objects pile up during a measurement.
        func run() throws {
            outputs = try autoreleasepool {
                try module.setInput(tensor)
                return try module.forward()
            }
        }

        func logits() throws -> [Float] {
            guard let output = outputs.first?.anyTensor else {
                throw NotUsable("the model gave no tensor")
            }
            var values: [Float] = []
            output.bytes { pointer, count, dataType in
                let bytes = UnsafeRawBufferPointer(start: pointer, count: count * dataType.size)
                values = (0..<count).map { index in
                    dataType == .half
                        ? float(ofHalfBits: bytes.load(fromByteOffset: index * 2, as: UInt16.self))
                        : bytes.load(fromByteOffset: index * 4, as: Float.self)
                }
            }
            return values
        }
    }

    extension DataType {
        /// The values of an output, in one of two types (slide_mobile/artifact/manifest.py).
        fileprivate var size: Int { self == .half ? 2 : 4 }
    }

    extension Manifest.Input.Element {
        fileprivate var dataType: DataType {
            switch self {
            case .float32: .float
            case .float16: .half
            case .uint8: .byte
            }
        }
    }

    /// There is one thread pool for all, and it cannot be resized under a model that has it.
    private final class ThreadPoolUse: @unchecked Sendable {
        static let shared = ThreadPoolUse()
        private let lock = NSLock()
        private var models = 0
        /// The number of threads that ExecuTorch chose, read before anyone changes it.
        private let usual = slide_thread_count()

        /// Counts a loaded model; `release` counts it off.
        func require(_ threads: Int?) throws {
            let wanted = threads.map(UInt32.init) ?? usual
            try lock.withLock {
                if slide_thread_count() != wanted {
                    guard models == 0, slide_set_thread_count(wanted) else {
                        throw NotUsable("another model computes on another number of threads")
                    }
                }
                models += 1
            }
        }

        func release() { lock.withLock { models -= 1 } }
    }
#endif

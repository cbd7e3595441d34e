#if canImport(CoreML)
    import CoreML
    import Foundation
    import SlideCore

    /// Runs .mlpackage folders with Core ML.
    struct CoreMLBackend: Backend {
        let name = "Core ML"
        /// Core ML comes with the system and has no version of its own.
        let version: String
        let key = "coreml"

        init(systemVersion: String) { version = systemVersion }

        func refusal(of manifest: Manifest) -> String? {
            manifest.target == "coreml"
                ? Releases.refusal("iOS", version, oldest: manifest.graph.minRuntime)
                : "Core ML runs .mlpackage folders, this is for \(manifest.target)"
        }

        func accelerators(for manifest: Manifest) -> [Accelerator] {
            CoreMLUnits.allCases.map(\.accelerator)
        }

        func threadChoices(for manifest: Manifest, cores: Int) -> [Int] { [] }

        /// Compiles for this device, once for each model, system and device.
        func prepare(_ artifact: Artifact) async throws -> Made {
            let key = Self.key(artifact)
            if Self.cache.has(key) {
                Self.cache.touch(key)
                return made(key, cached: true)
            }
            let begin = MeasuringLoop.now()
            let temporary = try await MLModel.compileModel(at: artifact.modelURL)
            let took = Double(MeasuringLoop.now() - begin) / 1e6
            try Self.cache.keep(temporary, as: key)
            return made(key, cached: false, took)
        }

        private func made(_ key: ProductKey, cached: Bool, _ took: Double? = nil) -> Made {
            Made(
                .coreML, cached: cached, compileMs: took,
                bytes: folderBytes(Self.cache.url(key)), key: key.digest)
        }

        /// Where the system neither deletes it while it is in use, nor puts it into a backup.
        private static let cache = ProductCache(
            root: Storage.folder("products"), mostBytes: 512 << 20, suffix: ".mlmodelc")

        private static func key(_ artifact: Artifact) -> ProductKey {
            ProductKey(
                manifestSHA256: artifact.manifestSHA256,
                osBuild: String(cString: slide_os_build()),
                device: String(cString: slide_machine_name()), made: "Core ML")
        }

        func load(_ artifact: Artifact, _ options: RunOptions) throws -> any LoadedModel {
            let key = Self.key(artifact)
            do {
                return try CoreMLModel(
                    artifact, Self.cache.url(key), Self.configuration(options))
            } catch {
                Self.cache.remove(key)  // it may be damaged: the next `prepare` compiles anew
                throw error
            }
        }

        /// Shares of the estimated cost by the device that Core ML would rather use, as
        /// MLComputePlan says before running; nil before iOS 17.4.
        func placement(of artifact: Artifact, _ options: RunOptions) async -> Whereabouts? {
            guard #available(iOS 17.4, macOS 14.4, *),
                let plan = try? await MLComputePlan.load(
                    contentsOf: Self.cache.url(Self.key(artifact)),
                    configuration: Self.configuration(options)),
                case .program(let program) = plan.modelStructure,
                let main = program.functions["main"]
            else { return nil }
            var costs: [String: Double] = [:]
            for operation in main.block.operations {
                guard let usage = plan.deviceUsage(for: operation),
                    let cost = plan.estimatedCost(of: operation)
                else { continue }  // constants
                costs[usage.preferred.shortName, default: 0] += cost.weight
            }
            let shares = Placement.shares(costs)
            guard !shares.isEmpty else { return nil }
            return Whereabouts(used: Placement.words(shares), placement: shares)
        }

        private static func configuration(_ options: RunOptions) -> MLModelConfiguration {
            let configuration = MLModelConfiguration()
            configuration.computeUnits = CoreMLUnits(options.accelerator).computeUnits
            if options.precision == .fp16 {
                configuration.allowLowPrecisionAccumulationOnGPU = true
            }
            return configuration
        }
    }

    extension CoreMLUnits {
        fileprivate var computeUnits: MLComputeUnits {
            switch self {
            case .all: .all
            case .ane: .cpuAndNeuralEngine
            case .gpu: .cpuAndGPU
            case .cpu: .cpuOnly
            }
        }
    }

    @available(iOS 17.0, macOS 14.0, *)
    extension MLComputeDevice {
        fileprivate var shortName: String {
            switch self {
            case .cpu: "cpu"
            case .gpu: "gpu"
            case .neuralEngine: "ane"
            @unknown default: "other"
            }
        }
    }
#endif

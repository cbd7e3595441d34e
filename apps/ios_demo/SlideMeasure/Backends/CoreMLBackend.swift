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
                ? nil : "Core ML runs .mlpackage folders, this is for \(manifest.target)"
        }

        func accelerators(for manifest: Manifest) -> [Accelerator] {
            CoreMLUnits.allCases.map(\.accelerator)
        }

        func threadChoices(for manifest: Manifest, cores: Int) -> [Int] { [] }

        /// Compiles for this device, once: the compiled model is kept under the manifest's sha256.
        func prepare(_ artifact: Artifact) async throws {
            let compiled = try Self.compiledURL(artifact)
            if FileManager.default.fileExists(atPath: compiled.path) { return }
            let temporary = try await MLModel.compileModel(at: artifact.modelURL)
            do {
                try FileManager.default.moveItem(at: temporary, to: compiled)
            } catch CocoaError.fileWriteFileExists {
                // Another screen has compiled the same package in the meantime.
                try? FileManager.default.removeItem(at: temporary)
            }
        }

        func load(_ artifact: Artifact, _ options: RunOptions) throws -> any LoadedModel {
            try CoreMLModel(artifact, Self.compiledURL(artifact), Self.configuration(options))
        }

        /// Shares of the operations by the device that Core ML would rather use, as MLComputePlan
        /// estimates it before running; nil before iOS 17.4.
        func placement(of artifact: Artifact, _ options: RunOptions) async -> String? {
            guard #available(iOS 17.4, macOS 14.4, *),
                let compiled = try? Self.compiledURL(artifact),
                let plan = try? await MLComputePlan.load(
                    contentsOf: compiled, configuration: Self.configuration(options)),
                case .program(let program) = plan.modelStructure,
                let main = program.functions["main"]
            else { return nil }
            var counts: [String: Int] = [:]
            for operation in main.block.operations {
                guard let usage = plan.deviceUsage(for: operation) else { continue }  // constants
                counts[usage.preferred.shortName, default: 0] += 1
            }
            let total = counts.values.reduce(0, +)
            guard total > 0 else { return nil }
            return counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
                .map { "\($0.key) \(100 * $0.value / total) %" }
                .joined(separator: ", ")
        }

        private static func configuration(_ options: RunOptions) -> MLModelConfiguration {
            let configuration = MLModelConfiguration()
            configuration.computeUnits = CoreMLUnits(options.accelerator).computeUnits
            return configuration
        }

        private static func compiledURL(_ artifact: Artifact) throws -> URL {
            let caches = try FileManager.default.url(
                for: .cachesDirectory, in: .userDomainMask, appropriateFor: nil, create: true)
            return caches.appendingPathComponent("\(artifact.manifestSHA256).mlmodelc")
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

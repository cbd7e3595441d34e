import Foundation

/// Whether one golden image still gives the logits that were certified.
public struct ImageVerdict: Codable, Equatable, Identifiable, Sendable {
    public let file: String
    @OrNull public var sqnrDb: Double?
    public let passed: Bool
    public var id: String { file }
}

extension Engine {
    /// Runs every golden image on the chosen accelerator, and compares its logits with those of the
    /// manifest under the manifest's floor.
    public func verify(_ candidate: Candidate) async throws -> [ImageVerdict] {
        guard candidate.artifact.hasLogits else {
            throw NotUsable(
                "no logits: other outputs are compared on the host, by slide-mobile check")
        }
        _ = try await candidate.backend.prepare(candidate.artifact)
        return try await perform { resident, _ in
            resident.release()
            let model = try candidate.backend.load(candidate.artifact, candidate.options)
            return try Self.verdicts(of: model, candidate)
        }
    }

    static func verdicts(of model: any LoadedModel, _ candidate: Candidate) throws -> [ImageVerdict]
    {
        let manifest = candidate.artifact.manifest
        return try manifest.golden.indices.map { index in
            try model.setInput(candidate.goldenImage(index))
            try model.run()
            let parity = Parity(
                reference: manifest.golden[index].logits ?? [],
                output: try model.logits().map(Double.init), floor: manifest.parity.floor)
            return ImageVerdict(
                file: manifest.golden[index].file, sqnrDb: parity.decibels, passed: parity.passed)
        }
    }
}

import Foundation

/// One class and how likely it is.
public struct Score: Equatable, Identifiable, Sendable {
    public let index: Int  // of its logit: two classes may have one label, as ImageNet's crane has
    public let label: String
    public let probability: Double
    public var id: Int { index }
}

/// The likeliest classes of a photo, and the time of each stage.
public struct Classification: Equatable, Sendable {
    public let scores: [Score]  // best first
    public let preprocess: Double
    public let inference: Double
    public let postprocess: Double
}

extension Engine {
    /// Finds the `count` likeliest classes of a decoded photo. The model stays loaded for the next.
    public func classify(
        _ photo: Raster, exifOrientation: Int, with candidate: Candidate, count: Int = 3
    ) async throws -> Classification {
        guard !candidate.artifact.labels.isEmpty else {
            throw NotUsable("a model of features has no classes to show")
        }
        _ = try await candidate.backend.prepare(candidate.artifact)
        return try await perform { resident, _ in
            let model = try resident.model(for: candidate)
            let input = candidate.artifact.manifest.input
            try model.run()  // the first inference is not what a person waits for afterwards
            let begin = MeasuringLoop.now()
            let image = Preprocessing.fit(
                photo, exifOrientation: exifOrientation, width: input.width, height: input.height)
            try model.setInput(image)
            let ready = MeasuringLoop.now()
            try model.run()
            let ran = MeasuringLoop.now()
            let scores = best(count, of: try model.logits(), labels: candidate.artifact.labels)
            let done = MeasuringLoop.now()
            return Classification(
                scores: scores, preprocess: Double(ready - begin) / 1e6,
                inference: Double(ran - ready) / 1e6, postprocess: Double(done - ran) / 1e6)
        }
    }
}

/// The softmax of the logits, best first; ties stay in the order of the labels.
func best(_ count: Int, of logits: [Float], labels: [String]) -> [Score] {
    let highest = logits.max() ?? 0
    let powers = logits.map { exp(Double($0 - highest)) }
    let total = powers.reduce(0, +)
    let order = powers.indices.sorted { (-powers[$0], $0) < (-powers[$1], $1) }
    return order.prefix(count).map { index in
        let label = index < labels.count ? labels[index] : "class \(index)"
        return Score(index: index, label: label, probability: powers[index] / total)
    }
}

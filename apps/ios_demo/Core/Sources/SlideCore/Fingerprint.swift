/// The golden images on an accelerator beside the CPU. A runtime that falls back to the CPU without
/// a word gives the CPU's outputs to the last bit, at the CPU's speed: nothing else does both.
public struct Fingerprint: Codable, Equatable, Sendable {
    public let equalToCpu: Bool
    /// Nil where an output is not finite.
    @OrNull public var maxAbs: Double?
    public let cpuMs: Double
    public let ownMs: Double

    private static let sameSpeed = 1.10
    private static let runs = 10

    /// Why not to believe that it ran on this accelerator; empty if it may have. Whoever asks for
    /// all of them lets the runtime choose the CPU, too.
    func whyInvalid(_ accelerator: String) -> [String] {
        let isSameSpeed = (1 / Self.sameSpeed...Self.sameSpeed).contains(ownMs / cpuMs)
        guard accelerator != "all", equalToCpu, isSameSpeed else { return [] }
        return ["\(accelerator) gives the CPU's outputs, to the last bit, at the CPU's speed"]
    }

    /// Runs both models; `own` then holds another image.
    static func take(
        _ artifact: Artifact, own: any LoadedModel, cpu: any LoadedModel
    ) throws -> Fingerprint {
        var isEqual = true
        var apart: Double? = 0
        for index in artifact.manifest.golden.indices {
            let image = try artifact.golden(index)
            let mine = try outputs(own, image)
            let theirs = try outputs(cpu, image)
            for (a, b) in zip(mine, theirs) {
                isEqual = isEqual && a.bitPattern == b.bitPattern
                let difference = abs(Double(a) - Double(b))
                apart = difference.isFinite ? apart.map { max($0, difference) } : nil
            }
        }
        return Fingerprint(
            equalToCpu: isEqual, maxAbs: apart, cpuMs: try median(cpu), ownMs: try median(own))
    }

    private static func outputs(_ model: any LoadedModel, _ image: Raster) throws -> [Float] {
        try model.setInput(image)
        try model.run()
        return try model.logits()
    }

    private static func median(_ model: any LoadedModel) throws -> Double {
        let samples = try (0..<runs).map { _ in
            let begin = MeasuringLoop.now()
            try model.run()
            return Double(MeasuringLoop.now() - begin) / 1e6
        }
        return percentile(50, of: samples)
    }
}

import Foundation

/// What only the device can report.
public struct DeviceProbe: Sendable {
    public var thermalState: @Sendable () -> ThermalState
    public var peakMemory: @Sendable () -> Int?

    public init(
        thermalState: @escaping @Sendable () -> ThermalState,
        peakMemory: @escaping @Sendable () -> Int?
    ) {
        self.thermalState = thermalState
        self.peakMemory = peakMemory
    }
}

extension Engine {
    /// Measures one artifact, or several interleaved run by run (A/B: what disturbs the phone then
    /// disturbs both). With `verifying`, the parity capsule is checked on the same loaded models.
    public func measure(
        _ candidates: [Candidate], plan: MeasuringPlan, verifying: Bool = false,
        probe: DeviceProbe, report: @escaping @Sendable (MeasuringProgress) -> Void = { _ in }
    ) async throws -> [BenchResult] {
        for candidate in candidates { try await candidate.backend.prepare(candidate.artifact) }
        var results = try await perform { resident, cancellation in
            resident.release()
            return try Self.measured(
                candidates, plan, verifying, probe, report, { cancellation.isCancelled })
        }
        for (index, candidate) in candidates.enumerated() {
            results[index].acceleratorUsed =
                await candidate.backend.placement(of: candidate.artifact, candidate.options)
        }
        return results
    }

    private static func measured(
        _ candidates: [Candidate], _ plan: MeasuringPlan, _ verifying: Bool, _ probe: DeviceProbe,
        _ report: @escaping (MeasuringProgress) -> Void, _ isCancelled: @escaping () -> Bool
    ) throws -> [BenchResult] {
        let before = probe.thermalState()
        let starts = try candidates.map(Start.init)
        let loop = MeasuringLoop(plan: plan, isCancelled: isCancelled, report: report)
        let recordings = try loop.run(starts.map(\.model))
        let after = probe.thermalState()
        let stopped = isCancelled()
        return try zip(candidates, zip(starts, recordings)).map { candidate, measured in
            let (start, recording) = measured
            var result = BenchResult(
                candidate, recording: recording, plan: plan, before: before, after: after,
                stopped: stopped)
            result.loadMs = start.load
            result.firstMs = start.first
            result.peakRssBytes = probe.peakMemory()
            if verifying && candidate.artifact.hasLogits {
                result.verify = try verdicts(of: start.model, candidate)
            }
            return result
        }
    }

    /// A model that has been loaded and run once.
    private struct Start {
        let model: any LoadedModel
        let load: Double  // milliseconds
        let first: Double

        init(_ candidate: Candidate) throws {
            let image = try candidate.goldenImage()
            let begin = MeasuringLoop.now()
            model = try candidate.backend.load(candidate.artifact, candidate.options)
            let loaded = MeasuringLoop.now()
            try model.setInput(image)
            let ready = MeasuringLoop.now()
            try model.run()
            first = Double(MeasuringLoop.now() - ready) / 1e6
            load = Double(loaded - begin) / 1e6
        }
    }
}

import Foundation

/// What only the device can report.
public struct DeviceProbe: Sendable {
    public var condition: @Sendable () -> Condition
    public var peakMemory: @Sendable () -> Int?
    /// The memory that the system counts against the app: now, and at most so far.
    public var memory: @Sendable () -> (now: Int, most: Int?)?
    public var memoryKind: String
    /// The system's build, which changes with each update.
    public var osBuild: String

    public init(
        condition: @escaping @Sendable () -> Condition,
        peakMemory: @escaping @Sendable () -> Int?,
        memory: @escaping @Sendable () -> (now: Int, most: Int?)? = { nil },
        memoryKind: String = "phys_footprint", osBuild: String = ""
    ) {
        self.condition = condition
        self.peakMemory = peakMemory
        self.memory = memory
        self.memoryKind = memoryKind
        self.osBuild = osBuild
    }
}

/// Memory around a measurement.
public struct Memory: Codable, Equatable, Sendable {
    public let kind: String
    @OrNull public var baseBytes: Int?
    @OrNull public var peakBytes: Int?
    @OrNull public var graphicsBytes: Int?  // Apple's systems count it in the footprint
}

/// One process of several that measure the same: a ratio is taken over processes, because where a
/// process has its memory makes a model faster or slower for as long as it lives. `slide-mobile
/// bench --import` of all their documents computes it.
public struct Turn: Equatable, Sendable {
    public let number: Int

    public init(number: Int) { self.number = number }

    /// The order in which to load: each model is the first equally often.
    public func loads(_ count: Int) -> [Int] { (0..<count).map { ($0 + number - 1) % count } }
}

extension Engine {
    /// Measures one artifact, or several in turns (A/B: what disturbs the phone then disturbs
    /// both). With `verifying`, the parity capsule is checked on the same loaded models. Memory is
    /// told of one artifact, in a process that is `fresh`: that has loaded no model before.
    public func measure(
        _ candidates: [Candidate], plan: MeasuringPlan, verifying: Bool = false,
        turn: Turn = Turn(number: 1), fresh: Bool = true, probe: DeviceProbe
    ) async throws -> [BenchResult] {
        let fitness = await Fitness.waited(probe, most: plan.wait)
        var made: [Made] = []
        for candidate in candidates {
            made.append(try await candidate.backend.prepare(candidate.artifact))
        }
        let task = Measuring(
            candidates: candidates, made: made, plan: plan, turn: turn, fitness: fitness,
            probe: probe, verifying: verifying, remembers: fresh && candidates.count == 1)
        var results = try await perform { resident, cancellation in
            resident.release()
            return try task.measured { cancellation.isCancelled }
        }
        for (index, candidate) in candidates.enumerated() {
            let found = await candidate.backend.placement(of: candidate.artifact, candidate.options)
            results[index].acceleratorUsed = found?.used
            results[index].placement = found?.placement
        }
        return results
    }
}

/// What the engine's queue does for one measurement.
private struct Measuring: Sendable {
    let candidates: [Candidate]
    let made: [Made]
    let plan: MeasuringPlan
    let turn: Turn
    let fitness: Fitness
    let probe: DeviceProbe
    let verifying: Bool
    let remembers: Bool

    func measured(_ isCancelled: @escaping () -> Bool) throws -> [BenchResult] {
        let base = remembers ? probe.memory() : nil
        var starts = [Start?](repeating: nil, count: candidates.count)
        for place in turn.loads(candidates.count) { starts[place] = try Start(candidates[place]) }
        let models = starts.map { $0!.model }
        let loop = MeasuringLoop(plan: plan, seed: UInt64(turn.number), isCancelled: isCancelled)
        let recordings = try loop.run(models)
        let after = probe.condition().thermal
        let memory = self.memory(base, remembers ? probe.memory() : nil)
        let stopped = isCancelled()
        return try candidates.indices.map { index in
            let (candidate, start) = (candidates[index], starts[index]!)
            let print = stopped ? nil : try fingerprint(candidate, start.model)
            var result = BenchResult(
                candidate, recording: recordings[index], plan: plan, fitness: fitness,
                after: after, fingerprint: print, stopped: stopped)
            result.threads = start.model.threads
            result.conversion = Conversion(
                made[index], coldLoadMs: start.cold, warmLoadMs: start.warm,
                osBuild: probe.osBuild)
            result.loadMs = start.cold
            result.firstMs = start.first
            result.peakRssBytes = probe.peakMemory()
            result.memory = memory
            if verifying && candidate.artifact.hasLogits {
                result.verify = try Engine.verdicts(of: start.model, candidate)
            }
            return result
        }
    }

    private func memory(_ base: (now: Int, most: Int?)?, _ after: (now: Int, most: Int?)?)
        -> Memory?
    {
        guard base != nil || after != nil else { return nil }
        let least: Int = base?.now ?? 0
        let peak: Int? = after.map { $0.most ?? max($0.now, least) }
        return Memory(
            kind: probe.memoryKind, baseBytes: base?.now, peakBytes: peak, graphicsBytes: nil)
    }

    /// Of an accelerator, where the CPU can run the file, too.
    private func fingerprint(_ candidate: Candidate, _ model: any LoadedModel) throws
        -> Fingerprint?
    {
        guard candidate.options.accelerator.id != "cpu", candidate.artifact.hasLogits,
            let cpu = candidate.backend.accelerators(for: candidate.artifact.manifest)
                .first(where: { $0.id == "cpu" })
        else { return nil }
        let options = RunOptions(accelerator: cpu, threads: candidate.options.threads)
        guard let other = try? candidate.backend.load(candidate.artifact, options) else {
            return nil
        }
        return try Fingerprint.take(candidate.artifact, own: model, cpu: other)
    }

    /// A model that has been loaded twice, and run once: what is quick the second time was cached
    /// or made ready by the first.
    private struct Start {
        let model: any LoadedModel
        let cold: Double  // milliseconds
        let warm: Double
        let first: Double

        init(_ candidate: Candidate) throws {
            let image = try candidate.goldenImage()
            cold = try Self.load(candidate).milliseconds
            (model, warm) = try Self.load(candidate)
            try model.setInput(image)
            let ready = MeasuringLoop.now()
            try model.run()
            first = Double(MeasuringLoop.now() - ready) / 1e6
        }

        private static func load(_ candidate: Candidate) throws -> (
            model: any LoadedModel, milliseconds: Double
        ) {
            let begin = MeasuringLoop.now()
            let model = try candidate.backend.load(candidate.artifact, candidate.options)
            return (model, Double(MeasuringLoop.now() - begin) / 1e6)
        }
    }
}

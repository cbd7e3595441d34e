import Dispatch
import Foundation

/// How long to measure. A run ends when both the runs and the seconds are reached.
public struct MeasuringPlan: Equatable, Sendable {
    public var warmup = 5
    public var runs = 50
    public var seconds = 3.0
    /// The seconds of a sustained run, which replace `runs` and `seconds`.
    public var sustained: Double?

    public init() {}

    public var leastRuns: Int { sustained == nil ? runs : 1 }
    public var leastSeconds: Double { sustained ?? seconds }
}

/// What a loop has seen since it last reported; for a live chart.
public struct MeasuringProgress: Sendable {
    public let elapsed: Double
    public let share: Double  // 0...1
    public let latest: [Double]  // milliseconds, of the first model
}

/// When each inference of one model ended and how long it took, in nanoseconds.
public struct Recording: Sendable {
    public private(set) var durations: [UInt64] = []
    public private(set) var ends: [UInt64] = []

    /// Reserves room, so that most measurements never copy the arrays.
    fileprivate mutating func reserve() {
        durations.reserveCapacity(1 << 15)
        ends.reserveCapacity(1 << 15)
    }

    mutating func append(duration: UInt64, end: UInt64) {
        durations.append(duration)
        ends.append(end)
    }

    public var milliseconds: [Double] { durations.map { Double($0) / 1e6 } }
    public var endSeconds: [Double] { ends.map { Double($0) / 1e9 } }
}

/// Runs models in turn (one, or two interleaved) and times each. Between two time stamps there is
/// the model and nothing else; what the loop itself needs is kept outside, and small.
public struct MeasuringLoop {
    public var plan: MeasuringPlan
    public var isCancelled: () -> Bool
    public var report: (MeasuringProgress) -> Void

    public init(
        plan: MeasuringPlan, isCancelled: @escaping () -> Bool = { false },
        report: @escaping (MeasuringProgress) -> Void = { _ in }
    ) {
        self.plan = plan
        self.isCancelled = isCancelled
        self.report = report
    }

    /// Often enough for a live chart, and too seldom to cost anything.
    static let reportEvery: UInt64 = 100_000_000

    /// Returns one recording for each model. Rethrows a model's error; when cancelled, returns what
    /// it has.
    public func run(_ models: [any LoadedModel]) throws -> [Recording] {
        for _ in 0..<plan.warmup where !isCancelled() {
            for model in models { try model.run() }
        }
        var recordings = models.map { _ in Recording() }
        for index in recordings.indices { recordings[index].reserve() }
        let start = Self.now()
        let enough = UInt64(plan.leastSeconds * 1e9)
        var reported = (time: start, count: 0)
        while !isCancelled() {
            var end = start
            for (index, model) in models.enumerated() {
                let begin = Self.now()
                try model.run()
                end = Self.now()
                recordings[index].append(duration: end - begin, end: end - start)
            }
            let count = recordings[0].durations.count
            if end - reported.time >= Self.reportEvery {
                report(progress(recordings[0], from: reported.count, elapsed: end - start))
                reported = (end, count)
            }
            if count >= plan.leastRuns && end - start >= enough { break }
        }
        return recordings
    }

    private func progress(_ recording: Recording, from: Int, elapsed: UInt64) -> MeasuringProgress {
        let latest = recording.durations[from...].map { Double($0) / 1e6 }
        let seconds = Double(elapsed) / 1e9
        let share = min(
            seconds / max(plan.leastSeconds, .leastNonzeroMagnitude),
            Double(recording.durations.count) / Double(plan.leastRuns))
        return MeasuringProgress(elapsed: seconds, share: min(share, 1), latest: latest)
    }

    /// A monotonic clock, which stands still while the phone sleeps.
    @inline(__always)
    public static func now() -> UInt64 { DispatchTime.now().uptimeNanoseconds }
}

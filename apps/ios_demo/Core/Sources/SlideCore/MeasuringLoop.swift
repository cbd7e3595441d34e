import Dispatch
import Foundation

/// How long to measure. A run ends when both the runs and the seconds are reached.
public struct MeasuringPlan: Equatable, Sendable {
    public var warmup = 5
    public var runs = 50
    public var seconds = 3.0
    /// How long to wait for a phone that is too hot.
    public var wait = 120.0
    /// The seconds of a sustained run, which replace `runs` and `seconds`.
    public var sustained: Double?

    public init() {}

    public var leastRuns: Int { sustained == nil ? runs : 1 }
    public var leastSeconds: Double { sustained ?? seconds }
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

/// The order of each round: drawn at random, and turned around in the next one (ABBA or BAAB), so
/// that neither a place in the round nor a drift favors a model.
struct Rounds {
    private(set) var order: [Int]
    private var random: SplitMix
    private var isSecond = false

    init(count: Int, seed: UInt64) {
        order = Array(0..<count)
        random = SplitMix(state: seed)
    }

    mutating func next() {
        if isSecond { order.reverse() } else { order.shuffle(using: &random) }
        isSecond.toggle()
    }
}

/// SplitMix64 (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", 2014): Swift's
/// own generator takes no seed.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

/// Runs models in turn and times each. Between two time stamps there is the model and nothing else;
/// what the loop itself needs is kept outside, and small. It reports nothing while it runs: what
/// draws on the screen would be measured, too.
public struct MeasuringLoop {
    public var plan: MeasuringPlan
    public var seed: UInt64
    public var isCancelled: () -> Bool

    public init(
        plan: MeasuringPlan, seed: UInt64 = 0, isCancelled: @escaping () -> Bool = { false }
    ) {
        self.plan = plan
        self.seed = seed
        self.isCancelled = isCancelled
    }

    /// Returns one recording for each model. Rethrows a model's error; when cancelled, returns what
    /// it has.
    public func run(_ models: [any LoadedModel]) throws -> [Recording] {
        for _ in 0..<plan.warmup where !isCancelled() {
            for model in models { try model.run() }
        }
        var recordings = models.map { _ in Recording() }
        for index in recordings.indices { recordings[index].reserve() }
        var rounds = Rounds(count: models.count, seed: seed)
        let start = Self.now()
        let enough = UInt64(plan.leastSeconds * 1e9)
        var count = 0
        while !isCancelled() {
            var end = start
            rounds.next()
            for index in rounds.order {
                let begin = Self.now()
                try models[index].run()
                end = Self.now()
                recordings[index].append(duration: end - begin, end: end - start)
            }
            count += 1
            if count >= plan.leastRuns && end - start >= enough { break }
        }
        return recordings
    }

    /// A monotonic clock, which stands still while the phone sleeps.
    @inline(__always)
    public static func now() -> UInt64 { DispatchTime.now().uptimeNanoseconds }
}

import Foundation

/// Percentiles of a list of latencies, and whether the measurement is valid.
///
/// Python and Kotlin compute the same: all three are tested on apps/conformance/statistics.json,
/// whose README states the rules.
public struct Summary: Equatable, Sendable {
    public let p50: Double
    public let p90: Double
    /// Nil for fewer runs than it takes: then it would be the noise of one or two.
    public let p99: Double?
    public let mean: Double

    /// Summarizes at least one sample.
    public init(_ samples: [Double]) {
        let ordered = samples.sorted()
        p50 = percentile(50, ofOrdered: ordered)
        p90 = percentile(90, ofOrdered: ordered)
        p99 = samples.count < Limit.runsOfP99 ? nil : percentile(99, ofOrdered: ordered)
        mean = samples.reduce(0, +) / Double(samples.count)
    }

    public var spread: Double { p90 / p50 }
}

/// How hot the phone reports to be: ProcessInfo's four states, or unknown without such a sensor.
public enum ThermalState: String, Codable, Sendable, CaseIterable {
    case nominal, fair, serious, critical, unknown

    /// Whether phones lower their clocks in this state.
    public var throttles: Bool { self == .serious || self == .critical }
}

/// The limits beyond which a measurement is not valid.
public enum Limit {
    public static let spread = 1.10
    public static let slowdown = 1.10
    public static let runs = 30
    public static let runsOfP99 = 1000
}

/// The percentile, linear between order statistics at (n - 1) * percent / 100, as in numpy.
public func percentile(_ percent: Double, of samples: [Double]) -> Double {
    percentile(percent, ofOrdered: samples.sorted())
}

func percentile(_ percent: Double, ofOrdered ordered: [Double]) -> Double {
    let position = Double(ordered.count - 1) * percent / 100
    let below = Int(position.rounded(.down))
    let above = min(below + 1, ordered.count - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - Double(below))
}

/// The median of the last quarter of the runs over that of the first; nil for fewer than four.
public func slowdown(_ samples: [Double]) -> Double? {
    let quarter = samples.count / 4
    guard quarter > 0 else { return nil }
    return percentile(50, of: Array(samples.suffix(quarter)))
        / percentile(50, of: Array(samples.prefix(quarter)))
}

/// The reasons why these latencies are not valid; empty if they are.
public func whyInvalid(
    _ samples: [Double], before: ThermalState = .unknown, after: ThermalState = .unknown
) -> [String] {
    var reasons: [String] = []
    if samples.count < Limit.runs { reasons.append(tooFew(samples.count)) }
    if !samples.isEmpty {
        let spread = Summary(samples).spread
        if spread > Limit.spread {
            reasons.append(
                "spread of \(percent(spread, digits: 1)) % is over \(percent(Limit.spread, digits: 0)) %"
            )
        }
    }
    if let slower = slowdown(samples), slower > Limit.slowdown {
        reasons.append("slowed down by \(percent(slower, digits: 1)) %")
    }
    if before.throttles || after.throttles {
        reasons.append("throttled: from \(before.rawValue) to \(after.rawValue)")
    }
    return reasons
}

/// The same for a sustained run: to slow down in it, or to get hot, is its result.
public func whyInvalidSustained(_ samples: [Double]) -> [String] {
    samples.count < Limit.runs ? [tooFew(samples.count)] : []
}

private func tooFew(_ runs: Int) -> String { "\(runs) runs are fewer than \(Limit.runs)" }

/// The additional reason for a measurement that was stopped early.
func stopped(after seconds: Double) -> String { String(format: "stopped after %.1f s", seconds) }

/// The slowest of the runs in each of `count` columns of a chart, which must not hide a stall.
public func columns(_ samples: [Double], count: Int) -> [Double] {
    let shown = min(count, samples.count)
    var slowest: [Double] = []
    for column in 0..<shown {
        let first: Int = column * samples.count / shown
        let end: Int = (column + 1) * samples.count / shown
        slowest.append(samples[first..<end].max() ?? 0)
    }
    return slowest
}

/// One point of a sustained run's curve: the median of the inferences that end in that second.
public struct SecondOfRun: Codable, Equatable, Sendable {
    public let second: Int
    public let p50: Double
    public let runs: Int

    enum CodingKeys: String, CodingKey {
        case second
        case p50 = "p50_ms"
        case runs
    }
}

/// The curve of a sustained run. `ends` has the seconds since the start for each sample; a second
/// in which no inference ends has no point.
public func bySecond(ends: [Double], samples: [Double]) -> [SecondOfRun] {
    let groups = Dictionary(grouping: zip(ends, samples), by: { Int($0.0.rounded(.down)) })
    return groups.keys.sorted().map { second in
        let taken = groups[second]!.map(\.1)
        return SecondOfRun(second: second, p50: percentile(50, of: taken), runs: taken.count)
    }
}

private func percent(_ ratio: Double, digits: Int) -> String {
    String(format: "%.\(digits)f", 100 * (ratio - 1))
}

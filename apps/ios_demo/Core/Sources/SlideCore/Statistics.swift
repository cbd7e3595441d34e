import Foundation

/// What a list of latencies says, and whether to believe it.
///
/// Python and Kotlin compute the same; apps/conformance/statistics.json holds all three to each
/// other, and its README has the rules.
public struct Summary: Equatable, Sendable {
    public let p50: Double
    public let p90: Double
    public let p99: Double
    public let mean: Double

    /// Of at least one sample.
    public init(_ samples: [Double]) {
        let ordered = samples.sorted()
        p50 = percentile(50, ofOrdered: ordered)
        p90 = percentile(90, ofOrdered: ordered)
        p99 = percentile(99, ofOrdered: ordered)
        mean = samples.reduce(0, +) / Double(samples.count)
    }

    public var spread: Double { p90 / p50 }
}

/// How hot the phone says it is; ProcessInfo's four states, or none where there is no such sensor.
public enum ThermalState: String, Codable, Sendable, CaseIterable {
    case nominal, fair, serious, critical, unknown

    /// Where phones lower their clocks.
    public var throttles: Bool { self == .serious || self == .critical }
}

/// Beyond which a measurement is not to be believed.
public enum Limit {
    public static let spread = 1.10
    public static let slowdown = 1.10
    public static let runs = 30
}

/// Linear between order statistics, at position (n - 1) * percent / 100, as numpy.percentile.
public func percentile(_ percent: Double, of samples: [Double]) -> Double {
    percentile(percent, ofOrdered: samples.sorted())
}

func percentile(_ percent: Double, ofOrdered ordered: [Double]) -> Double {
    let position = Double(ordered.count - 1) * percent / 100
    let below = Int(position.rounded(.down))
    let above = min(below + 1, ordered.count - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - Double(below))
}

/// Median of the last quarter of the runs over that of the first; nil of fewer than four.
public func slowdown(_ samples: [Double]) -> Double? {
    let quarter = samples.count / 4
    guard quarter > 0 else { return nil }
    return percentile(50, of: Array(samples.suffix(quarter)))
        / percentile(50, of: Array(samples.prefix(quarter)))
}

/// Reasons not to believe these latencies, none if they are good.
public func whyInvalid(
    _ samples: [Double], before: ThermalState = .unknown, after: ThermalState = .unknown
) -> [String] {
    var reasons: [String] = []
    if samples.count < Limit.runs {
        reasons.append("\(samples.count) runs are fewer than \(Limit.runs)")
    }
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

/// One reason more, of a measurement that was ended before its time.
func stopped(after seconds: Double) -> String { String(format: "stopped after %.1f s", seconds) }

/// Each of the medians over each; nil where either is, for it is not to be believed.
public func ratios(_ medians: [Double?]) -> [[Double?]] {
    medians.map { a in
        medians.map { b in
            guard let a, let b else { return nil }
            return a / b
        }
    }
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

/// The curve; `ends` are seconds since the start, one a sample. A second in which none ends has no
/// point.
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

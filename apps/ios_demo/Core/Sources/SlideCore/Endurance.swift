/// How a sustained run ended beside how it began, in medians of ten seconds: throttling is its
/// result, not its failure. As slide_mobile/bench/device.py computes it.
public struct Endurance: Codable, Equatable, Sendable {
    public let firstMs: Double
    public let lastMs: Double
    public let slowdown: Double
    public let throttled: Bool

    private static let window = 10

    /// Nil if the run was too short for both windows.
    public init?(_ curve: [SecondOfRun], after: ThermalState) {
        guard let end = curve.last?.second, end + 1 >= 2 * Self.window else { return nil }
        let first = curve.filter { $0.second < Self.window }.map(\.p50)
        guard !first.isEmpty else { return nil }  // the first inference took longer
        let last = curve.filter { $0.second > end - Self.window }.map(\.p50)
        firstMs = percentile(50, of: first)
        lastMs = percentile(50, of: last)
        slowdown = lastMs / firstMs
        throttled = slowdown > Limit.slowdown || after.throttles
    }
}

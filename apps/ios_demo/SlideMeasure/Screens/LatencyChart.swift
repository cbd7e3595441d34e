import Charts
import SlideCore
import SwiftUI

/// The inferences, in their order; a column shows the slowest of its runs.
struct LatencyChart: View {
    let samples: [Double]

    /// About as many points as a phone is wide.
    private static let shown = 300

    private var points: [(offset: Int, element: Double)] {
        Array(columns(samples, count: Self.shown).enumerated())
    }

    var body: some View {
        Chart(points, id: \.offset) { point in
            LineMark(
                x: .value("Inference", point.offset),
                y: .value("Milliseconds", point.element))
        }
        .chartYAxisLabel("ms")
        .aspectRatio(2, contentMode: .fit)
        .accessibilityLabel("Latency of the inferences")
        .accessibilityValue(samples.last.map { milliseconds($0) } ?? "")
    }
}

/// A sustained run: does the phone slow down as it gets warm?
struct SustainedChart: View {
    let curve: [SecondOfRun]

    var body: some View {
        Chart(curve, id: \.second) { point in
            LineMark(
                x: .value("Second", point.second),
                y: .value("Milliseconds", point.p50))
        }
        .chartXAxisLabel("s")
        .chartYAxisLabel("ms")
        .aspectRatio(2, contentMode: .fit)
        .accessibilityLabel("Median latency of each second")
        .accessibilityValue(spoken)
    }

    private var spoken: String {
        guard let first = curve.first, let last = curve.last else { return "" }
        return "\(milliseconds(first.p50)) at first, \(milliseconds(last.p50)) at last"
    }
}

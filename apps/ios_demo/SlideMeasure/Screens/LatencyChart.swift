import Charts
import SlideCore
import SwiftUI

/// The latest inferences, while they run.
struct LatencyChart: View {
    let points: [MeasureModel.Point]

    var body: some View {
        Chart(points) { point in
            LineMark(
                x: .value("Inference", point.id),
                y: .value("Milliseconds", point.milliseconds))
        }
        .chartYAxisLabel("ms")
        .aspectRatio(2, contentMode: .fit)
        .accessibilityLabel("Latency of the latest inferences")
        .accessibilityValue(points.last.map { milliseconds($0.milliseconds) } ?? "")
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

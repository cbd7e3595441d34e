import SlideCore
import SwiftUI

/// One measured artifact: the verdict first, then the numbers.
struct ResultSection: View {
    let result: BenchResult

    var body: some View {
        Section(result.artifact) {
            if result.valid {
                Label("Valid", systemImage: "checkmark.circle").foregroundStyle(.green)
            } else {
                ForEach(result.whyInvalid, id: \.self) { reason in
                    Label("Invalid: \(reason)", systemImage: "exclamationmark.triangle")
                        .foregroundStyle(.orange)
                }
            }
            LabeledContent("p50", value: milliseconds(result.p50Ms))
            LabeledContent("p90", value: milliseconds(result.p90Ms))
            LabeledContent("p99", value: milliseconds(result.p99Ms))
            LabeledContent("First inference", value: milliseconds(result.firstMs))
            LabeledContent("Load", value: milliseconds(result.loadMs))
            LabeledContent("Peak memory", value: memory)
            LabeledContent("Runs", value: result.runs.formatted())
            LabeledContent("Asked for", value: result.acceleratorRequested)
            LabeledContent("Used", value: result.acceleratorUsed ?? "the runtime does not say")
            LabeledContent(
                "Heat",
                value: "\(result.thermalBefore.rawValue), then \(result.thermalAfter.rawValue)")
            if let curve = result.sustained { SustainedChart(curve: curve) }
        }
    }

    private var memory: String {
        result.peakRssBytes?.formatted(.byteCount(style: .memory)) ?? "unknown"
    }
}

/// Three decimals: a small model takes less than a millisecond.
func milliseconds(_ value: Double?) -> String {
    guard let value else { return "none" }
    return "\(value.formatted(.number.precision(.fractionLength(3)))) ms"
}

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
            if result.p99Ms != nil { LabeledContent("p99", value: milliseconds(result.p99Ms)) }
            LabeledContent("First inference", value: milliseconds(result.firstMs))
            conversion
            LabeledContent("Memory", value: memory)
            LabeledContent("Runs", value: result.runs.formatted())
            LabeledContent("Asked for", value: result.acceleratorRequested)
            LabeledContent("Used", value: result.acceleratorUsed ?? "the runtime does not say")
            LabeledContent(
                "Heat",
                value: "\(result.thermalBefore.rawValue), then \(result.thermalAfter.rawValue)")
            evidence
        }
    }

    @ViewBuilder private var conversion: some View {
        if let compile = result.conversion?.compileMs {
            LabeledContent("Compile", value: milliseconds(compile))
        }
        LabeledContent("Load", value: milliseconds(result.loadMs))
        LabeledContent("Load again", value: milliseconds(result.conversion?.warmLoadMs))
    }

    @ViewBuilder private var evidence: some View {
        if let print = result.fingerprint {
            LabeledContent(
                "Beside the CPU", value: print.equalToCpu ? "equal to the last bit" : "different")
            LabeledContent("On the CPU", value: milliseconds(print.cpuMs))
        }
        if let endurance = result.endurance?.wrappedValue {
            LabeledContent("First ten seconds", value: milliseconds(endurance.firstMs))
            LabeledContent("Last ten seconds", value: milliseconds(endurance.lastMs))
        }
        if let curve = result.sustained {
            SustainedChart(curve: curve)
        } else {
            LatencyChart(samples: result.samplesMs)
        }
    }

    private var memory: String {
        (result.memory?.peakBytes ?? result.peakRssBytes)?.formatted(.byteCount(style: .memory))
            ?? "unknown"
    }
}

/// Three decimals: a small model takes less than a millisecond.
func milliseconds(_ value: Double?) -> String {
    guard let value else { return "none" }
    return "\(value.formatted(.number.precision(.fractionLength(3)))) ms"
}

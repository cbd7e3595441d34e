import SlideCore
import SwiftUI

/// How long the model takes on this phone, and whether to believe it.
struct MeasureView: View {
    @Environment(AppModel.self) private var app
    @State private var model = MeasureModel()

    var body: some View {
        NavigationStack {
            List {
                settings
                control
                outcome
            }
            .navigationTitle("Measure")
        }
    }

    @ViewBuilder private var settings: some View {
        Section("What") {
            Picker("Mode", selection: $model.mode) {
                ForEach(MeasureModel.Mode.allCases) { Text($0.rawValue).tag($0) }
            }
            .pickerStyle(.segmented)
            if model.mode != .sustained {
                Stepper("At least \(model.runs) runs", value: $model.runs, in: 30...1000, step: 10)
                Stepper(
                    "At least \(model.seconds.formatted()) s", value: $model.seconds, in: 1...30,
                    step: 1)
            }
        }
        .disabled(model.isRunning)
        RunChoiceSection(title: model.mode == .comparison ? "A" : "Run", choice: $model.first)
            .disabled(model.isRunning)
        if model.mode == .comparison {
            RunChoiceSection(title: "B", choice: $model.second)
                .disabled(model.isRunning)
        }
    }

    @ViewBuilder private var control: some View {
        Section {
            if case .running(let share) = model.stage {
                ProgressView(value: share) { Text("Measuring") }
                if !model.points.isEmpty { LatencyChart(points: model.points) }
                Button("Stop", role: .cancel) { app.stop() }
            } else {
                Button("Measure") { model.start(in: app) }
                    .disabled(app.artifacts.isEmpty)
            }
        }
    }

    @ViewBuilder private var outcome: some View {
        switch model.stage {
        case .done(let results):
            ForEach(Array(results.enumerated()), id: \.offset) { _, result in
                ResultSection(result: result)
            }
            if results.count == 2, let a = results[0].p50Ms, let b = results[1].p50Ms {
                Section("A against B") {
                    LabeledContent("p50 of A over B", value: ratio(a, b))
                    if !results.allSatisfy(\.valid) {
                        Text("One of them is invalid: the ratio is not shared.")
                    }
                }
            }
        case .failed(let why):
            Section { Label(why, systemImage: "xmark.octagon").foregroundStyle(.red) }
        case .idle, .running:
            EmptyView()
        }
    }

    private func ratio(_ a: Double, _ b: Double) -> String {
        (a / b).formatted(.number.precision(.fractionLength(3)))
    }
}

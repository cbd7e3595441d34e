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
            if model.isRunning {
                // Nothing that moves: what the screen draws would be measured, too.
                Text("Measuring. The screen stays as it is until it is done.")
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
            if results.count == 2 {
                Section("A against B") {
                    Text(
                        """
                        One process gives no ratio that is sure. Start the measurement ten times by \
                        a script (README, session), and import all documents on the computer.
                        """)
                }
            }
        case .failed(let why):
            Section { Label(why, systemImage: "xmark.octagon").foregroundStyle(.red) }
        case .idle, .running:
            EmptyView()
        }
    }
}

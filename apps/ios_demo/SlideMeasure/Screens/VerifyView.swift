import SlideCore
import SwiftUI

/// Does this phone, on this accelerator, still compute what was certified?
struct VerifyView: View {
    enum Stage {
        case idle, running
        case done([ImageVerdict], floor: Double)
        case failed(String)
    }

    @Environment(AppModel.self) private var app
    @State private var choice = RunChoice()
    @State private var stage = Stage.idle

    var body: some View {
        NavigationStack {
            List {
                RunChoiceSection(title: "Run", choice: $choice)
                Section {
                    if case .running = stage {
                        ProgressView("Comparing with the certified logits")
                    } else {
                        Button("Verify") { Task { await verify() } }
                            .disabled(app.artifacts.isEmpty)
                    }
                }
                outcome
            }
            .navigationTitle("Verify")
        }
    }

    @ViewBuilder private var outcome: some View {
        switch stage {
        case .done(let verdicts, let floor):
            Section("Floor \(decibels(floor))") {
                Label(
                    verdicts.allSatisfy(\.passed) ? "Passed" : "Failed",
                    systemImage: verdicts.allSatisfy(\.passed) ? "checkmark.seal" : "xmark.seal"
                )
                .foregroundStyle(verdicts.allSatisfy(\.passed) ? Color.green : Color.red)
                ForEach(verdicts) { verdict in
                    LabeledContent(verdict.file, value: words(verdict))
                        .accessibilityValue(
                            "\(verdict.passed ? "passed" : "failed"), \(words(verdict))"
                        )
                        .foregroundStyle(verdict.passed ? Color.primary : Color.red)
                }
            }
        case .failed(let why):
            Section { Label(why, systemImage: "xmark.octagon").foregroundStyle(.red) }
        case .idle, .running:
            EmptyView()
        }
    }

    private func words(_ verdict: ImageVerdict) -> String {
        verdict.sqnrDb.map(decibels) ?? (verdict.passed ? "equal" : "not a number")
    }

    private func verify() async {
        guard let candidate = choice.candidate(in: app) else { return }
        stage = .running
        do {
            let verdicts = try await app.model(candidate).verify()
            app.add(verdicts, of: candidate)
            stage = .done(verdicts, floor: candidate.artifact.manifest.parity.floor)
        } catch {
            stage = .failed(error.localizedDescription)
        }
    }
}

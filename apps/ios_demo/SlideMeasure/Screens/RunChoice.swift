import SlideCore
import SwiftUI

/// Which artifact, on what, with how many threads; every screen that runs a model has one.
struct RunChoice {
    var folder = ""
    var accelerator = ""
    var threads = 0  // 0: the runtime decides

    /// For pickers: they show what would run, even before anyone has chosen.
    subscript(folderShown shown: String) -> String {
        get { shown }
        set { folder = newValue }
    }

    subscript(acceleratorShown shown: String) -> String {
        get { shown }
        set { accelerator = newValue }
    }

    /// nil until there is an artifact to choose.
    @MainActor
    func candidate(in app: AppModel) -> Candidate? {
        guard
            let artifact = app.artifacts.first(where: { $0.folder == folder })
                ?? app.artifacts.first,
            let backend = app.backend(for: artifact)
        else { return nil }
        let known = backend.accelerators(for: artifact.manifest)
        guard let chosen = known.first(where: { $0.id == accelerator }) ?? known.first else {
            return nil
        }
        let choices = backend.threadChoices(
            for: artifact.manifest, cores: ProcessInfo.processInfo.activeProcessorCount)
        let options = RunOptions(
            accelerator: chosen, threads: choices.contains(threads) ? threads : nil)
        return Candidate(artifact: artifact, options: options, backend: backend)
    }
}

/// The pickers of a choice; a setting that the runtime does not have is left out.
struct RunChoiceSection: View {
    @Environment(AppModel.self) private var app
    let title: String
    @Binding var choice: RunChoice

    var body: some View {
        Section(title) {
            if let candidate = choice.candidate(in: app) {
                Picker("Model", selection: $choice[folderShown: candidate.artifact.folder]) {
                    ForEach(app.artifacts, id: \.folder) { Text($0.title).tag($0.folder) }
                }
                Picker(
                    "Accelerator",
                    selection: $choice[acceleratorShown: candidate.options.accelerator.id]
                ) {
                    ForEach(candidate.backend.accelerators(for: candidate.artifact.manifest)) {
                        Text($0.name).tag($0.id)
                    }
                }
                let choices = threadChoices(candidate)
                if !choices.isEmpty {
                    Picker("Threads", selection: $choice.threads) {
                        Text("The runtime decides").tag(0)
                        ForEach(choices, id: \.self) { Text($0.formatted()).tag($0) }
                    }
                }
            } else {
                Text("No usable model is embedded")
            }
        }
    }

    private func threadChoices(_ candidate: Candidate) -> [Int] {
        candidate.backend.threadChoices(
            for: candidate.artifact.manifest, cores: ProcessInfo.processInfo.activeProcessorCount)
    }
}

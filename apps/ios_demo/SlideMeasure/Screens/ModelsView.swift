import SlideCore
import SwiftUI

/// The embedded artifacts, with what their manifests say; a damaged one says why it is unusable.
struct ModelsView: View {
    @Environment(AppModel.self) private var app

    var body: some View {
        NavigationStack {
            Group {
                if let library = app.library {
                    if let problem = library.problem {
                        ContentUnavailableView(
                            "No models", systemImage: "shippingbox", description: Text(problem))
                    } else {
                        List(library.artifacts) { entry in
                            EmbeddedArtifactRow(entry: entry)
                        }
                    }
                } else {
                    ProgressView("Verifying the embedded files")
                }
            }
            .navigationTitle("Models")
        }
    }
}

private struct EmbeddedArtifactRow: View {
    let entry: EmbeddedArtifact

    var body: some View {
        switch entry.outcome {
        case .success(let artifact):
            NavigationLink {
                ArtifactView(artifact: artifact)
            } label: {
                VStack(alignment: .leading) {
                    Text(artifact.manifest.model.name).font(.headline)
                    Text(artifact.summary).font(.subheadline).foregroundStyle(.secondary)
                }
            }
        case .failure(let why):
            VStack(alignment: .leading) {
                Text(entry.folder).font(.headline)
                Label("Not usable: \(why.description)", systemImage: "exclamationmark.triangle")
                    .font(.subheadline)
                    .foregroundStyle(.orange)
            }
            .accessibilityElement(children: .combine)
        }
    }
}

private struct ArtifactView: View {
    let artifact: Artifact

    var body: some View {
        let manifest = artifact.manifest
        List {
            Section("File") {
                LabeledContent("Precision", value: manifest.precision)
                LabeledContent("For", value: "\(manifest.target), \(manifest.backend)")
                LabeledContent(
                    "Size", value: manifest.sizeBytes.formatted(.byteCount(style: .file)))
                LabeledContent("Parameters", value: manifest.model.params.formatted())
                LabeledContent("Multiply-adds", value: manifest.model.macs.formatted())
                LabeledContent("Input", value: "\(manifest.input.width) × \(manifest.input.height)")
                LabeledContent("Signature", value: artifact.provenance.words)
            }
            Section("Parity as certified") {
                LabeledContent("SQNR", value: decibels(manifest.parity.decibels))
                LabeledContent("Floor", value: decibels(manifest.parity.floor))
                LabeledContent("Images", value: manifest.parity.samples.formatted())
                if let runtime = manifest.parity.runtime {
                    LabeledContent("Runtime", value: runtime)
                }
            }
            if !artifact.labels.isEmpty {
                Section("Labels") {
                    // Identified by position: two classes may have the same label.
                    ForEach(Array(artifact.labels.enumerated()), id: \.offset) { _, label in
                        Text(label)
                    }
                }
            }
            if !manifest.notes.isEmpty {
                Section("Notes") {
                    ForEach(manifest.notes, id: \.self) { Text($0) }
                }
            }
        }
        .navigationTitle(manifest.model.name)
    }
}

extension Provenance {
    var words: String {
        switch self {
        case .authentic(let key): "authentic, key \(key.prefix(12))…"
        case .unsigned: "none"
        case .unchecked: "not checked, the app trusts no key"
        }
    }
}

extension Artifact {
    /// "int8, coreml, 1.1 MB"
    var summary: String {
        let size = manifest.sizeBytes.formatted(.byteCount(style: .file))
        return "\(manifest.precision), \(manifest.target), \(size)"
    }

    /// What a picker shows. It is the folder, because two folders may hold the same model.
    var title: String { folder }
}

/// One decimal, as the manifest's floors are read.
func decibels(_ value: Double) -> String {
    "\(value.formatted(.number.precision(.fractionLength(1)))) dB"
}

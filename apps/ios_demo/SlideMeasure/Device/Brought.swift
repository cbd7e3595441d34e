import Foundation
import SlideCore

/// Models that a person brought to the app, in its Documents folder `models` (Files, or a cable):
/// taken in, proved on this phone's CPU, and promoted; or a line that says why not.
struct Brought: Sendable {
    let backends: [any Backend]
    let engine: Engine

    let keys: TrustedKeys

    private var store: ModelStore { ModelStore(root: Storage.folder("models"), keys: keys) }

    func entries() async -> [EmbeddedArtifact] {
        let inbox = Storage.documents.appendingPathComponent("models")
        let files = FileManager.default
        var refused: [EmbeddedArtifact] = []
        for name in ((try? files.contentsOfDirectory(atPath: inbox.path)) ?? []).sorted() {
            let folder = inbox.appendingPathComponent(name)
            do {
                try await promote(folder)
            } catch {
                let why = NotUsable(error.localizedDescription)
                refused.append(EmbeddedArtifact(folder: name, outcome: .failure(why)))
            }
            try? files.removeItem(at: folder)
        }
        return refused
            + store.promoted().map { model in
                EmbeddedArtifact(
                    folder: model.name,
                    outcome: Result { try opened(model) }.mapError {
                        $0 as? NotUsable ?? NotUsable($0.localizedDescription)
                    })
            }
    }

    private func opened(_ model: StoredModel) throws -> Artifact {
        let artifact = try store.open(model)
        if let why = backends.refusal(of: artifact.manifest) { throw NotUsable(why) }
        return artifact
    }

    private func promote(_ folder: URL) async throws {
        let model = try store.takeIn(folder)
        try await store.prove(model) { artifact in
            let backend = try backends.backend(for: artifact.manifest).get()
            let known = backend.accelerators(for: artifact.manifest)
            guard artifact.hasLogits, let cpu = known.first(where: { $0.id == "cpu" }) else {
                return []
            }
            let options = RunOptions(accelerator: cpu)
            return try await engine.verify(
                Candidate(artifact: artifact, options: options, backend: backend))
        }
    }
}

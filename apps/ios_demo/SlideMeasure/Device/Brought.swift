import Foundation
import SlideCore

/// Models that a person brought to the app, in its Documents folder `models` (Files, or a cable):
/// taken in, proved on this phone's CPU, and promoted; or a line that says why not.
struct Brought: Sendable {
    let backends: [any Backend]
    let engine: Engine

    let keys: TrustedKeys

    private var store: ModelStore { ModelStore(root: Storage.folder("models"), keys: keys) }

    /// After an update of the system, those that are there are proved again.
    func entries() async -> [EmbeddedArtifact] {
        let inbox = Storage.documents.appendingPathComponent("models")
        let files = FileManager.default
        let build = String(cString: slide_os_build())
        var refused = await store.recover(osBuild: build, by: proof)
        for name in ((try? files.contentsOfDirectory(atPath: inbox.path)) ?? []).sorted() {
            do {
                try await store.prove(taken(inbox.appendingPathComponent(name)), by: proof)
            } catch {
                refused.append(RefusedModel(name: name, why: error.localizedDescription))
            }
        }
        return refused.map { model in
            EmbeddedArtifact(folder: model.name, outcome: .failure(NotUsable(model.why)))
        }
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

    /// Whatever comes of it, the folder goes: one that ends the app is not tried at each start.
    private func taken(_ folder: URL) throws -> StoredModel {
        defer { try? FileManager.default.removeItem(at: folder) }
        return try store.takeIn(folder)
    }

    private func proof(_ artifact: Artifact) async throws -> [ImageVerdict] {
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

import Foundation
import Observation
import SlideCore
import UIKit

/// What all screens share: the embedded artifacts, the engine, and everything measured so far.
@MainActor
@Observable
final class AppModel {
    let engine = Engine()
    let backends: [any Backend]
    /// nil until the files have been verified, which takes a moment.
    private(set) var library: ArtifactLibrary?
    var results: [BenchResult] = []
    private(set) var headless: String?

    init() {
        var backends: [any Backend] = []
        #if canImport(CoreML)
            backends.append(CoreMLBackend(systemVersion: UIDevice.current.systemVersion))
        #endif
        #if canImport(ExecuTorch)
            backends.append(ExecuTorchBackend())
        #endif
        self.backends = backends
    }

    var artifacts: [Artifact] { library?.artifacts.compactMap(\.artifact) ?? [] }

    var document: BenchDocument {
        BenchDocument(environment: Device.environment(backends: backends), results: results)
    }

    func openLibrary() async {
        guard library == nil else { return }
        let backends = backends
        let root = Bundle.main.bundleURL.appendingPathComponent("Artifacts")
        library = await Task.detached {
            ArtifactLibrary(root: root) { backends.refusal(of: $0) }
        }.value
    }

    func backend(for artifact: Artifact) -> (any Backend)? {
        try? backends.backend(for: artifact.manifest).get()
    }

    /// What `slidemeasure://measure?...` asks for. The document, or why there is none, goes into the
    /// app's Documents folder and one line to standard output, for the device farm to find.
    func runHeadless(_ url: URL) async {
        await openLibrary()
        headless = "Measuring for \(url.absoluteString)"
        UIApplication.shared.isIdleTimerDisabled = true
        defer { UIApplication.shared.isIdleTimerDisabled = false }
        let outcome: String
        do {
            let request = try HeadlessRequest(url)
            let file = Self.documents.appendingPathComponent(request.output)
            let document = try await measured(request)
            try document.json().write(to: file, options: .atomic)
            outcome = "slidemeasure: wrote \(file.path)"
        } catch {
            outcome = "slidemeasure: failed: \(error.localizedDescription)"
            let file = Self.documents.appendingPathComponent("slidemeasure-error.txt")
            try? Data(outcome.utf8).write(to: file, options: .atomic)
        }
        print(outcome)
        headless = outcome
    }

    private static var documents: URL {
        FileManager.default.urls(for: .documentDirectory, in: .userDomainMask)[0]
    }

    private func measured(_ request: HeadlessRequest) async throws -> BenchDocument {
        guard let library else { throw NotUsable("no artifacts") }
        var taken: [BenchResult] = []
        for group in try request.groups(in: library, backends: backends) {
            taken += try await engine.measure(
                group, plan: request.plan, verifying: request.verifying, probe: Device.probe)
        }
        results += taken
        return BenchDocument(environment: Device.environment(backends: backends), results: taken)
    }
}

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
    private var models: SlideLibrary?
    private(set) var measurements = Measurements()
    private(set) var headless: String?
    private var opening: Task<SlideLibrary, Never>?
    private var underway: Task<Void, Never>?

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

    /// nil until the files have been verified, which takes a moment.
    var library: ArtifactLibrary? { models?.list }

    var artifacts: [Artifact] { library?.artifacts.compactMap(\.artifact) ?? [] }

    var results: [BenchResult] { measurements.results }

    var document: BenchDocument {
        BenchDocument(environment: Device.environment(backends: backends), results: results)
    }

    func add(_ measured: [BenchResult]) { measurements.add(measured) }

    func add(_ verified: [ImageVerdict], of candidate: Candidate) {
        measurements.add(verified, of: candidate)
    }

    func forget() { measurements.clear() }

    /// Reads the files once, however many callers wait; what was brought to the app is proved first.
    func openLibrary() async {
        let task =
            opening
            ?? Task.detached { [backends, engine] in
                let root = Bundle.main.bundleURL.appendingPathComponent("Artifacts")
                let embedded = SlideLibrary(
                    artifacts: root, backends: backends, engine: engine)
                // With keys that cannot be read, the list says so, and nothing else is taken in.
                guard let keys = try? TrustedKeys(beside: root) else { return embedded }
                let brought = Brought(backends: backends, engine: engine, keys: keys)
                return embedded.adding(await brought.entries())
            }
        opening = task
        models = await task.value
    }

    /// Runs one measurement at a time; starting another ends it.
    func begin(_ work: @escaping @MainActor () async -> Void) {
        stop()
        underway = Task { await work() }
    }

    /// Ends the measurement; its result says that it was stopped. Also called when the app leaves
    /// the screen, because the system then suspends it or lowers the clocks.
    func stop() { underway?.cancel() }

    func model(_ candidate: Candidate) -> SlideModel { SlideModel(candidate, engine: engine) }

    func backend(for artifact: Artifact) -> (any Backend)? {
        try? backends.backend(for: artifact.manifest).get()
    }

    /// Does what `slidemeasure://measure?...` asks for, or a game loop. The document, or the reason
    /// why there is none, goes to the app's Documents folder; one line goes to standard output, for
    /// device farms.
    func runHeadless(_ url: URL) async {
        headless = "Measuring for \(url.absoluteString)"
        let (outcome, code): (String, Int32)
        do {
            (outcome, code) = ("slidemeasure: wrote \(try await answer(url).path)", 0)
        } catch {
            (outcome, code) = (HeadlessOutput.failed(error), 1)
        }
        // Not print: it buffers its output where there is no terminal.
        try? FileHandle.standardOutput.write(contentsOf: Data("\(outcome)\n".utf8))
        headless = outcome
        if Farm.isLoop(url) { endLoop() }
        if HeadlessRequest.exits(url) { exit(code) }
    }

    /// Measures what an address asks for, and returns the document's file.
    func answer(_ url: URL) async throws -> URL {
        UIApplication.shared.isIdleTimerDisabled = true
        defer { UIApplication.shared.isIdleTimerDisabled = false }
        return try await HeadlessOutput(of: url, documents: Storage.documents).answer { request in
            await openLibrary()
            return try await measured(request)
        }
    }

    private func endLoop() { UIApplication.shared.open(Farm.complete) }

    private func measured(_ request: HeadlessRequest) async throws -> BenchDocument {
        guard let library else { throw NotUsable("no artifacts") }
        let taken = try await engine.measure(
            request, in: library, backends: backends, probe: Device.probe())
        add(taken.results)
        return BenchDocument(
            environment: Device.environment(backends: backends), results: taken.results,
            failed: taken.failed, turn: request.turn)
    }
}

import Dispatch
import Foundation

/// One model at work at a time, on a queue of its own: the main thread never waits for a model, and
/// a model never leaves the queue on which it was loaded.
public final class Engine: Sendable {
    private let queue = DispatchQueue(label: "slide.model", qos: .userInitiated)
    private let resident = Resident()

    public init() {}

    /// Runs `body` on the queue. Cancelling the task tells `body`, which stops when it next looks.
    func perform<R: Sendable>(
        _ body: @escaping @Sendable (Resident, Cancellation) throws -> R
    ) async throws -> R {
        let cancellation = Cancellation()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                queue.async { [resident] in
                    continuation.resume(with: Result { try body(resident, cancellation) })
                }
            }
        } onCancel: {
            cancellation.cancel()
        }
    }
}

/// A flag that any thread may raise.
final class Cancellation: @unchecked Sendable {
    private let lock = NSLock()
    private var raised = false

    var isCancelled: Bool { lock.withLock { raised } }
    func cancel() { lock.withLock { raised = true } }
}

/// The model for photos, kept loaded between them. Its sendability is unchecked, because only the
/// engine's serial queue touches it.
final class Resident: @unchecked Sendable {
    private var held: (candidate: Candidate, model: any LoadedModel)?

    func model(for candidate: Candidate) throws -> any LoadedModel {
        if let held, held.candidate == candidate { return held.model }
        held = nil  // first, so that two models are never in memory
        let model = try candidate.backend.load(candidate.artifact, candidate.options)
        held = (candidate, model)
        return model
    }

    func release() { held = nil }
}

/// An artifact, how to run it, and what runs it.
public struct Candidate: Sendable {
    public let artifact: Artifact
    public let options: RunOptions
    public let backend: any Backend

    public init(artifact: Artifact, options: RunOptions, backend: any Backend) {
        self.artifact = artifact
        self.options = options
        self.backend = backend
    }

    static func == (a: Candidate, b: Candidate) -> Bool {
        a.artifact.root == b.artifact.root
            && a.artifact.manifestSHA256 == b.artifact.manifestSHA256
            && a.options == b.options
    }

    /// A golden image to run: zeros would make some kernels faster.
    func goldenImage(_ index: Int = 0) throws -> Raster { try artifact.golden(index) }
}

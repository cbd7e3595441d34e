import Foundation

/// The artifacts that an app has, and what runs them: what an app of one's own needs.
///
///     let library = SlideLibrary(artifacts: folder, backends: [CoreMLBackend(systemVersion: os)])
///     let model = try library.model("slide_swin_demo-coreml-fp16")
///     print(try await model.predict(image).scores[0].label)
///
/// A runtime is a type that conforms to `Backend`; of several, the first that takes an artifact runs
/// it.
public struct SlideLibrary: Sendable {
    public let list: ArtifactLibrary
    public let backends: [any Backend]
    public let engine: Engine

    /// Reads and verifies a folder that `slide-mobile embed` wrote, which takes a moment: not on the
    /// main thread.
    public init(artifacts: URL, backends: [any Backend], engine: Engine = Engine()) {
        self.init(
            list: ArtifactLibrary(root: artifacts) { backends.refusal(of: $0) },
            backends: backends, engine: engine)
    }

    private init(list: ArtifactLibrary, backends: [any Backend], engine: Engine) {
        self.list = list
        self.backends = backends
        self.engine = engine
    }

    /// The same with more artifacts; one takes the place of an embedded one of its name.
    public func adding(_ more: [EmbeddedArtifact]) -> SlideLibrary {
        SlideLibrary(list: list.adding(more), backends: backends, engine: engine)
    }

    /// A model, by default on the first accelerator that its runtime has for it. Throws `NotUsable`,
    /// with the possible names, if there is no such artifact, if it is damaged, or if it has no such
    /// accelerator.
    public func model(
        _ folder: String, accelerator: String? = nil, threads: Int? = nil,
        precision: Precision? = nil
    ) throws -> SlideModel {
        let candidate = try list.candidate(
            folder, backends: backends, accelerator: accelerator, threads: threads,
            precision: precision)
        return SlideModel(candidate, engine: engine)
    }
}

/// An artifact that is verified, and how to run it. It is loaded when it is first used, and the
/// engine keeps the one that predicted last.
public struct SlideModel: Sendable {
    public let candidate: Candidate
    private let engine: Engine

    public init(_ candidate: Candidate, engine: Engine) {
        self.candidate = candidate
        self.engine = engine
    }

    /// The `count` likeliest classes of a decoded image of any size, which is turned upright by its
    /// EXIF orientation. Throws `NotUsable` for a model without classes.
    public func predict(
        _ image: Raster, exifOrientation: Int = 1, count: Int = 3
    ) async throws -> Classification {
        try await engine.classify(
            image, exifOrientation: exifOrientation, with: candidate, count: count)
    }

    /// Whether it computes here what PyTorch computed, for each golden image. Throws `NotUsable` for
    /// a model without logits.
    public func verify() async throws -> [ImageVerdict] { try await engine.verify(candidate) }

    /// Measures it alone, for some seconds; `probe` is what the device reports meanwhile.
    public func measure(
        _ plan: MeasuringPlan = MeasuringPlan(), probe: DeviceProbe
    ) async throws -> BenchResult {
        try await engine.measure([candidate], plan: plan, fresh: false, probe: probe)[0]
    }
}

extension ArtifactLibrary {
    /// An artifact with what runs it; throws `NotUsable` where it cannot run as asked.
    func candidate(
        _ folder: String, backends: [any Backend], accelerator: String?, threads: Int?,
        precision: Precision?
    ) throws -> Candidate {
        guard let entry = artifacts.first(where: { $0.folder == folder }) else {
            let known = artifacts.map(\.folder).joined(separator: ", ")
            throw NotUsable("\(folder) is not embedded, only \(known.isEmpty ? "nothing" : known)")
        }
        let artifact = try entry.outcome.get()
        let backend = try backends.backend(for: artifact.manifest).get()
        let known = backend.accelerators(for: artifact.manifest)
        guard
            let chosen = accelerator == nil
                ? known.first : known.first(where: { $0.id == accelerator })
        else {
            throw NotUsable(
                "\(folder) has no accelerator \(accelerator ?? ""), only "
                    + known.map(\.id).joined(separator: ", "))
        }
        let choices = backend.threadChoices(
            for: artifact.manifest, cores: ProcessInfo.processInfo.activeProcessorCount)
        let options = RunOptions(
            accelerator: chosen, threads: choices.isEmpty ? nil : threads, precision: precision)
        return Candidate(artifact: artifact, options: options, backend: backend)
    }
}

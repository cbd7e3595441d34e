/// A place to compute, for a person to choose.
public struct Accelerator: Hashable, Identifiable, Sendable {
    public let id: String  // as the shared JSON names it
    public let name: String

    public init(id: String, name: String) {
        self.id = id
        self.name = name
    }
}

/// How to run an artifact.
public struct RunOptions: Hashable, Sendable {
    public var accelerator: Accelerator
    public var threads: Int?  // nil: the runtime decides

    public init(accelerator: Accelerator, threads: Int? = nil) {
        self.accelerator = accelerator
        self.threads = threads
    }
}

/// One runtime. Adding a runtime is one file in the app that conforms to this.
public protocol Backend: Sendable {
    var name: String { get }  // "Core ML"
    var version: String { get }
    var key: String { get }  // of the shared JSON's `runtimes`

    /// Why this runtime cannot run an artifact, nil if it can.
    func refusal(of manifest: Manifest) -> String?
    /// The accelerators it offers, the default first.
    func accelerators(for manifest: Manifest) -> [Accelerator]
    /// The numbers of threads to choose from; empty if the runtime takes none for this artifact.
    func threadChoices(for manifest: Manifest, cores: Int) -> [Int]
    /// Does, untimed, what an artifact needs once, such as compiling for this device.
    func prepare(_ artifact: Artifact) async throws
    /// Loads the model, on its queue; this is the load time.
    func load(_ artifact: Artifact, _ options: RunOptions) throws -> any LoadedModel
    /// Where the runtime reports that it computes; nil if it does not report it.
    func placement(of artifact: Artifact, _ options: RunOptions) async -> String?
}

/// A model that is ready. Input and output buffers are allocated with it, never by `run`. It stays
/// on the queue on which it was loaded.
public protocol LoadedModel: AnyObject {
    /// Puts an image of the manifest's size into the input buffer.
    func setInput(_ image: Raster) throws
    func run() throws
    /// The first output of the last run.
    func logits() throws -> [Float]
}

extension [any Backend] {
    /// The first runtime for an artifact, or the reason why there is none.
    public func backend(for manifest: Manifest) -> Result<any Backend, NotUsable> {
        var reasons: [String] = []
        for backend in self {
            guard let why = backend.refusal(of: manifest) else { return .success(backend) }
            reasons.append(why)
        }
        return .failure(NotUsable(reasons.joined(separator: "; ")))
    }

    public func refusal(of manifest: Manifest) -> String? {
        if case .failure(let why) = backend(for: manifest) { return why.description }
        return nil
    }
}

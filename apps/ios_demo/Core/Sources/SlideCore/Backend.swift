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
    public var precision: Precision?  // nil: the runtime decides

    public init(accelerator: Accelerator, threads: Int? = nil, precision: Precision? = nil) {
        self.accelerator = accelerator
        self.threads = threads
        self.precision = precision
    }
}

/// What a GPU adds up in.
public enum Precision: String, CaseIterable, Codable, Sendable { case fp16, fp32 }

/// The share of the estimated cost that a runtime gives to one device.
public struct Placement: Codable, Equatable, Sendable {
    public let device: String
    public let share: Double

    /// Shares of all that has a cost, the largest first; empty without any.
    public static func shares(_ costs: [String: Double]) -> [Placement] {
        let total = costs.values.reduce(0, +)
        guard total > 0 else { return [] }
        return costs.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
            .map { Placement(device: $0.key, share: $0.value / total) }
    }

    /// In words, such as "ane 75 %, cpu 25 %".
    public static func words(_ placements: [Placement]) -> String {
        placements.map { "\($0.device) \(Int((100 * $0.share).rounded())) %" }
            .joined(separator: ", ")
    }
}

/// Where a runtime says that it computes.
public struct Whereabouts: Equatable, Sendable {
    public let used: String
    public let placement: [Placement]?

    public init(used: String, placement: [Placement]? = nil) {
        self.used = used
        self.placement = placement
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
    /// Does what an artifact needs once, such as compiling for this device, and says what it was.
    func prepare(_ artifact: Artifact) async throws -> Made
    /// Loads the model, on its queue; this is the load time.
    func load(_ artifact: Artifact, _ options: RunOptions) throws -> any LoadedModel
    /// Where the runtime reports that it computes; nil if it does not report it.
    func placement(of artifact: Artifact, _ options: RunOptions) async -> Whereabouts?
}

/// A model that is ready. Input and output buffers are allocated with it, never by `run`. It stays
/// on the queue on which it was loaded.
public protocol LoadedModel: AnyObject {
    /// The threads that it computes on; nil if that is the runtime's secret.
    var threads: Int? { get }
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

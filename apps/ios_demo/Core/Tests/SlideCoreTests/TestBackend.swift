import Foundation

@testable import SlideCore

/// A runtime whose models do nothing, quickly: what is left is the loop. It records what it is
/// asked to do.
final class TestBackend: Backend, @unchecked Sendable {
    let name: String
    let version: String
    let key = "test"
    private let lock = NSLock()
    private var events: [String] = []
    let work: @Sendable () throws -> Void
    let output: @Sendable (Raster) -> [Float]
    private let hasThreads: Bool
    private let refused: String?  // the folder that it cannot load

    init(
        name: String = "Test", version: String = "1.0", hasThreads: Bool = true,
        refusing refused: String? = nil,
        work: @escaping @Sendable () throws -> Void = {},
        output: @escaping @Sendable (Raster) -> [Float] = { _ in [1.5, -0.5] }
    ) {
        self.name = name
        self.version = version
        self.hasThreads = hasThreads
        self.refused = refused
        self.work = work
        self.output = output
    }

    var log: [String] { lock.withLock { events } }
    func note(_ event: String) { lock.withLock { events.append(event) } }

    func refusal(of manifest: Manifest) -> String? {
        manifest.target == "test" ? nil : "Test runs test files"
    }
    func accelerators(for manifest: Manifest) -> [Accelerator] {
        [Accelerator(id: "cpu", name: "CPU"), Accelerator(id: "gpu", name: "GPU")]
    }
    func threadChoices(for manifest: Manifest, cores: Int) -> [Int] {
        hasThreads ? Array(1...cores) : []
    }
    func prepare(_ artifact: Artifact) async throws -> Made {
        note("prepare")
        return Made(.none)
    }
    func load(_ artifact: Artifact, _ options: RunOptions) throws -> any LoadedModel {
        note("load \(options.accelerator.id) \(Thread.isMainThread ? "main" : "queue")")
        if artifact.folder == refused { throw NotUsable("no such kernel") }
        return TestModel(self, threads: options.threads)
    }
    func placement(of artifact: Artifact, _ options: RunOptions) async -> Whereabouts? {
        Whereabouts(used: "cpu 100 %")
    }
}

final class TestModel: LoadedModel {
    private let backend: TestBackend
    private var image: Raster?
    private(set) var runs = 0

    let threads: Int?

    init(_ backend: TestBackend, threads: Int? = nil) {
        self.backend = backend
        self.threads = threads
    }
    deinit { backend.note("free after \(runs)") }

    func setInput(_ image: Raster) throws { self.image = image }
    func run() throws {
        runs += 1
        try backend.work()
    }
    func logits() throws -> [Float] { backend.output(image!) }
}

extension Condition {
    static let good = Condition(
        powerSaver: false, chargePercent: 80, charging: false, thermal: .nominal,
        debuggable: false, emulator: false)
}

extension DeviceProbe {
    /// A phone in this state, which does not wait.
    static func phone(_ thermal: ThermalState = .nominal, peakMemory: Int? = nil) -> DeviceProbe {
        var condition = Condition.good
        condition.thermal = thermal
        return DeviceProbe(condition: { [condition] in condition }, peakMemory: { peakMemory })
    }
}

import Foundation

/// The document that the app shares, as `bench --json` has it: slide_mobile/bench/documents.py.
public struct BenchDocument: Codable, Sendable {
    public var schemaVersion = 3
    public var source = "ios"
    public var environment: BenchEnvironment
    public var results: [BenchResult]
    public var ratios: [[Double?]]
    /// One process gives no ratio that is sure: the host computes them, over several.
    @OrNull public var ratioIntervals: [[[Double]?]]?
    public var comparisons: [String] = []
    /// Left out where this is the only process.
    public var session: Session?
    /// Left out where everything was measured.
    public var failed: [Failure]?

    public init(
        environment: BenchEnvironment, results: [BenchResult], failed: [Failure] = [],
        turn: Turn? = nil
    ) {
        session = turn.map {
            Session(number: $0.number, firstLoaded: $0.loads(results.count).first ?? 0)
        }
        self.failed = failed.isEmpty ? nil : failed
        self.environment = environment
        self.results = results
        ratios = results.indices.map { row in
            results.indices.map { $0 == row && results[row].p50Ms != nil ? 1 : nil }
        }
    }

    /// Which of several processes this is.
    public struct Session: Codable, Equatable, Sendable {
        public let number: Int
        public let firstLoaded: Int
    }

    /// The document as UTF-8 text; keys are sorted, so that two can be compared line by line.
    public func json() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        return try encoder.encode(self)
    }

    /// Writes the document off the caller's actor: a minute of runs is a megabyte of text.
    public func write(to file: URL) async throws {
        try await Task.detached { try json().write(to: file, options: .atomic) }.value
    }
}

/// Where it was measured.
public struct BenchEnvironment: Codable, Sendable {
    public var device: String
    public var os: String
    public var osVersion: String
    public var cpu: String
    public var cores: Int
    @OrNull public var memoryBytes: Int?
    public var appVersion: String
    public var created: String
    public var runtimes: [String: String]

    public init(
        device: String, os: String, osVersion: String, cpu: String, cores: Int, memoryBytes: Int?,
        appVersion: String, created: Date, runtimes: [String: String]
    ) {
        self.device = device
        self.os = os
        self.osVersion = osVersion
        self.cpu = cpu
        self.cores = cores
        self.memoryBytes = memoryBytes
        self.appVersion = appVersion
        self.created = ISO8601DateFormatter().string(from: created)
        self.runtimes = runtimes
    }
}

/// One measured artifact.
public struct BenchResult: Codable, Sendable {
    public var artifact: String
    public var model: String
    public var target: String
    public var precision: String
    public var manifestSha256: String
    public var runtime: String
    public var acceleratorRequested: String
    @OrNull public var acceleratorUsed: String?
    @OrNull public var threads: Int?
    public var warmupRuns: Int
    public var runs: Int
    public var seconds: Double
    @OrNull public var p50Ms: Double?
    @OrNull public var p90Ms: Double?
    @OrNull public var p99Ms: Double?
    @OrNull public var meanMs: Double?
    @OrNull public var firstMs: Double?
    @OrNull public var loadMs: Double?
    @OrNull public var peakRssBytes: Int?
    public var partitions: Int
    public var delegatedOps: Int
    public var totalOps: Int
    public var thermalBefore: ThermalState
    public var thermalAfter: ThermalState
    public var samplesMs: [Double]
    public var valid: Bool
    public var whyInvalid: [String]
    @OrNull public var sustained: [SecondOfRun]?
    @OrNull public var verify: [ImageVerdict]?
    public var fitness: Fitness
    // Left out where there is none.
    public var memory: Memory?
    public var conversion: Conversion?
    public var placement: [Placement]?
    public var acceleratorPrecision: String?
    public var fingerprint: Fingerprint?
    /// Of a sustained run; there it is written as null if the run was too short.
    public var endurance: OrNull<Endurance>?

    /// Computes the verdict from the recording; a run that was stopped early is not valid.
    public init(
        _ candidate: Candidate, recording: Recording, plan: MeasuringPlan, fitness: Fitness,
        after: ThermalState = .unknown, fingerprint: Fingerprint? = nil, stopped: Bool = false
    ) {
        let manifest = candidate.artifact.manifest
        let samples = recording.milliseconds
        artifact = candidate.artifact.folder
        model = manifest.model.name
        target = manifest.target
        precision = manifest.precision
        manifestSha256 = candidate.artifact.manifestSHA256
        runtime = "\(candidate.backend.name) \(candidate.backend.version)"
        acceleratorRequested = candidate.options.accelerator.id
        threads = candidate.options.threads
        acceleratorPrecision = candidate.options.precision?.rawValue
        warmupRuns = plan.warmup
        runs = samples.count
        seconds = recording.endSeconds.last ?? 0
        if !samples.isEmpty {
            let summary = Summary(samples)
            (p50Ms, p90Ms, p99Ms, meanMs) = (summary.p50, summary.p90, summary.p99, summary.mean)
        }
        partitions = manifest.graph.partitions
        delegatedOps = manifest.graph.delegatedOps
        totalOps = manifest.graph.totalOps
        self.fitness = fitness
        self.fingerprint = fingerprint
        thermalBefore = fitness.thermal
        thermalAfter = after
        samplesMs = samples
        var reasons =
            plan.sustained != nil
            ? SlideCore.whyInvalidSustained(samples)
            : SlideCore.whyInvalid(samples, before: fitness.thermal, after: after)
        reasons += fitness.whyUnfit
        reasons += fingerprint?.whyInvalid(acceleratorRequested) ?? []
        if stopped {
            reasons.append(SlideCore.stopped(after: seconds))
        }
        whyInvalid = reasons
        valid = reasons.isEmpty
        if plan.sustained != nil {
            let curve = bySecond(ends: recording.endSeconds, samples: samples)
            sustained = curve
            endurance = OrNull(wrappedValue: Endurance(curve, after: after))
        }
    }
}

/// A value that is written as null where there is none: the schema requires every name.
@propertyWrapper
public struct OrNull<Value: Codable & Sendable>: Codable, Sendable {
    public var wrappedValue: Value?

    public init(wrappedValue: Value?) { self.wrappedValue = wrappedValue }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        wrappedValue = container.decodeNil() ? nil : try container.decode(Value.self)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if let wrappedValue {
            try container.encode(wrappedValue)
        } else {
            try container.encodeNil()
        }
    }
}

extension OrNull: Equatable where Value: Equatable {}

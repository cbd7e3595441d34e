/// What makes two measurements of the same: a verdict of one is a verdict of the other.
struct Subject: Hashable, Sendable {
    let artifact: String
    let manifestSha256: String
    let acceleratorRequested: String
    let threads: Int?

    init(_ result: BenchResult) {
        artifact = result.artifact
        manifestSha256 = result.manifestSha256
        acceleratorRequested = result.acceleratorRequested
        threads = result.threads
    }

    init(_ candidate: Candidate) {
        artifact = candidate.artifact.folder
        manifestSha256 = candidate.artifact.manifestSHA256
        acceleratorRequested = candidate.options.accelerator.id
        threads = candidate.options.threads
    }
}

/// What was measured and verified; a verdict goes with what was measured in the same way.
public struct Measurements: Sendable {
    public private(set) var results: [BenchResult] = []
    /// Another number after each change.
    public private(set) var revision = 0
    // Kept also where nothing was measured yet: whoever verifies first measures then.
    private var verdicts: [Subject: [ImageVerdict]] = [:]

    public init() {}

    public mutating func add(_ measured: [BenchResult]) {
        results += measured.map { result in
            var result = result
            result.verify = result.verify ?? verdicts[Subject(result)]
            return result
        }
        revision += 1
    }

    public mutating func add(_ verified: [ImageVerdict], of candidate: Candidate) {
        let subject = Subject(candidate)
        verdicts[subject] = verified
        for index in results.indices where Subject(results[index]) == subject {
            results[index].verify = verified
        }
        revision += 1
    }

    public mutating func clear() {
        (results, verdicts) = ([], [:])
        revision += 1
    }
}

/// What two measurements must share for the verdict of one to hold for the other.
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

/// Everything measured and verified; a verdict is attached to the results of the same subject.
public struct Measurements: Sendable {
    public private(set) var results: [BenchResult] = []
    /// Changes with every change of the results.
    public private(set) var revision = 0
    // Kept even if nothing is measured yet: a person may verify first and measure afterwards.
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

import Foundation
import Testing

@testable import SlideCore

struct BenchDocumentTests {
    func document(_ samples: [[Double]]) throws -> [String: Any] {
        let artifact = try ArtifactFolder().opened().artifacts[0].outcome.get()
        let cpu = Accelerator(id: "cpu", name: "CPU")
        let candidate = Candidate(
            artifact: artifact, options: RunOptions(accelerator: cpu), backend: TestBackend())
        let results = samples.map {
            BenchResult(
                candidate, recording: Recording(milliseconds: $0), plan: MeasuringPlan(),
                fitness: Fitness(.good))
        }
        let json = try BenchDocument(environment: .test, results: results).json()
        return try #require(try JSONSerialization.jsonObject(with: json) as? [String: Any])
    }

    @Test func namesAreTheSchemasAndWhatIsUnknownIsNull() throws {
        let plain = try document([[Double](repeating: 2, count: 40)])
        #expect(plain["schema_version"] as? Int == 3 && plain["source"] as? String == "ios")
        #expect(plain["ratio_intervals"] is NSNull && plain["failed"] == nil)
        let environment = plain["environment"] as! [String: Any]
        #expect(environment["created"] as? String == "1970-01-01T00:00:00Z")
        #expect(environment["memory_bytes"] is NSNull)
        #expect(environment["runtimes"] as? [String: String] == ["test": "1.0"])
        let result = (plain["results"] as! [[String: Any]])[0]
        #expect(result["p50_ms"] as? Double == 2 && result["valid"] as? Bool == true)
        #expect(result["manifest_sha256"] as? String != nil)
        for unknown in [
            "accelerator_used", "threads", "first_ms", "peak_rss_bytes", "sustained", "verify",
            "p99_ms",
        ] {
            #expect(result[unknown] is NSNull, "\(unknown)")
        }
        for absent in ["memory", "conversion", "placement", "fingerprint", "endurance"] {
            #expect(result[absent] == nil, "\(absent)")
        }
        let fitness = result["fitness"] as! [String: Any]
        #expect(fitness["power_saver"] as? Bool == false && fitness["emulator"] as? Bool == false)
        #expect(plain["session"] == nil && (plain["comparisons"] as! [Any]).isEmpty)
    }

    @Test func oneOfSeveralProcessesSaysWhichItIs() throws {
        let json = try BenchDocument(
            environment: .test, results: [], turn: Turn(number: 4)
        ).json()
        let plain = try JSONSerialization.jsonObject(with: json) as! [String: Any]
        #expect(plain["session"] as? [String: Int] == ["number": 4, "first_loaded": 0])
        #expect((1...3).map { Turn(number: $0).loads(2) } == [[0, 1], [1, 0], [0, 1]])
    }

    @Test func oneProcessGivesNoRatio() throws {
        let (a, b) = ([Double](repeating: 3, count: 40), [Double](repeating: 2, count: 40))
        let ratios = try document([a, b, []])["ratios"] as! [[Any]]
        for (row, column) in [(0, 0), (1, 1)] { #expect(ratios[row][column] as? Double == 1) }
        for (row, column) in [(0, 1), (1, 0), (2, 2)] { #expect(ratios[row][column] is NSNull) }
    }

    @Test func aResultWithoutRunsIsInvalid() throws {
        let result = (try document([[]])["results"] as! [[String: Any]])[0]
        #expect(result["valid"] as? Bool == false && result["p50_ms"] is NSNull)
    }
}

extension Recording {
    init(milliseconds: [Double]) {
        self.init()
        for duration in milliseconds {
            append(duration: UInt64(duration * 1e6), end: (ends.last ?? 0) + UInt64(duration * 1e6))
        }
    }
}

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
            BenchResult(candidate, recording: Recording(milliseconds: $0), plan: MeasuringPlan())
        }
        let json = try BenchDocument(environment: .test, results: results).json()
        return try #require(try JSONSerialization.jsonObject(with: json) as? [String: Any])
    }

    @Test func namesAreTheSchemasAndWhatIsUnknownIsNull() throws {
        let plain = try document([[Double](repeating: 2, count: 40)])
        #expect(plain["schema_version"] as? Int == 1 && plain["source"] as? String == "ios")
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
        ] {
            #expect(result[unknown] is NSNull, "\(unknown)")
        }
    }

    @Test func ratiosAreOfValidResultsOnly() throws {
        let (a, b) = ([Double](repeating: 3, count: 40), [Double](repeating: 2, count: 40))
        let both = try document([a, b])["ratios"] as! [[Any]]
        #expect(both as? [[Double]] == [[1, 1.5], [2.0 / 3, 1]])
        let one = try document([a, [2, 2]])["ratios"] as! [[Any]]
        #expect(one[0][1] is NSNull && one[1][0] is NSNull && one[0][0] as? Double == 1)
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

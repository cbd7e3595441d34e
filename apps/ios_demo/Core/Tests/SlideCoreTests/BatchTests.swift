import Foundation
import Testing

@testable import SlideCore

struct BatchTests {
    let probe = DeviceProbe.phone()

    /// Copies of the folder under these names, with their index.
    func library(_ folder: ArtifactFolder, copies: [String]) throws -> ArtifactLibrary {
        let digest = try folder.manifestSHA256
        for name in copies {
            try FileManager.default.copyItem(
                at: folder.root, to: folder.library.appendingPathComponent(name))
        }
        try folder.write(index: copies.map { ["folder": $0, "manifest_sha256": digest] })
        return folder.opened()
    }

    func measured(
        _ library: ArtifactLibrary, _ backend: TestBackend, _ query: String = "runs=40&seconds=0"
    ) async throws -> (results: [BenchResult], failed: [Failure]) {
        let url = URL(string: "slidemeasure://measure?\(query)")!
        return try await Engine().measure(
            HeadlessRequest(url), in: library, backends: [backend], probe: probe)
    }

    @Test func oneThatFailsIsToldAndTheOthersAreMeasured() async throws {
        let library = try self.library(ArtifactFolder(), copies: ["a", "b", "c"])
        let backend = TestBackend(refusing: "b")
        let taken = try await measured(library, backend)
        #expect(taken.results.map(\.artifact) == ["a", "c"])
        #expect(taken.failed.map(\.artifact) == ["b"] && taken.failed[0].error == "no such kernel")
        let document = BenchDocument(
            environment: .test, results: taken.results, failed: taken.failed)
        let plain = try #require(
            try JSONSerialization.jsonObject(with: document.json()) as? [String: Any])
        let failed = plain["failed"] as? [[String: String]]
        #expect(failed == [["artifact": "b", "error": "no such kernel"]])
        let pair = try await measured(library, backend, "artifact=a&artifact=c&ab=1&seconds=0")
        #expect(pair.failed.isEmpty && pair.results.count == 2)
    }

    @Test func aPairThatFailsIsToldOfBothAndNothingIsNoDocument() async throws {
        let library = try self.library(ArtifactFolder(), copies: ["a", "b"])
        await #expect(throws: NotUsable("a: no such kernel; b: no such kernel")) {
            _ = try await measured(library, TestBackend(refusing: "b"), "ab=1&seconds=0")
        }
        await #expect(throws: NotUsable("no artifact can be measured")) {
            let nothing = try self.library(ArtifactFolder(), copies: [])
            _ = try await measured(nothing, TestBackend())
        }
    }

    @Test func whatIsCancelledEndsEarlyAndTheRestIsNotBegun() async throws {
        let library = try self.library(ArtifactFolder(), copies: ["a", "b"])
        let backend = TestBackend { usleep(1000) }
        let task = Task {
            try await measured(library, backend, "runs=1&seconds=30")
        }
        try await Task.sleep(for: .milliseconds(500))
        task.cancel()
        let taken = try await task.value
        #expect(taken.results.map(\.artifact) == ["a"])
        #expect(taken.results[0].whyInvalid.last?.hasPrefix("stopped after") == true)
        #expect(taken.failed.map(\.error) == ["stopped before it began"])
    }

    @Test func aVerdictGoesWithWhatIsMeasuredInTheSameWay() async throws {
        let backend = TestBackend()
        let artifact = try ArtifactFolder().opened().artifacts[0].outcome.get()
        func candidate(_ threads: Int?) -> Candidate {
            let options = RunOptions(
                accelerator: Accelerator(id: "cpu", name: "CPU"), threads: threads)
            return Candidate(artifact: artifact, options: options, backend: backend)
        }
        func result(_ threads: Int?) -> BenchResult {
            BenchResult(
                candidate(threads), recording: Recording(), plan: MeasuringPlan(),
                fitness: Fitness(.good))
        }
        let passed = [ImageVerdict(file: "golden/00.ppm", sqnrDb: 40, passed: true)]
        var measurements = Measurements()
        measurements.add([result(2), result(1)])
        measurements.add(passed, of: candidate(2))
        measurements.add([result(2), result(nil)])
        #expect(measurements.results.map(\.verify) == [passed, nil, passed, nil])
        let revision = measurements.revision
        measurements.clear()
        measurements.add([result(2)])
        #expect(measurements.results.map(\.verify) == [nil])
        #expect(measurements.revision == revision + 2)
    }
}

extension BenchEnvironment {
    static let test = BenchEnvironment(
        device: "iPhone17,1", os: "iOS", osVersion: "18.0", cpu: "", cores: 6, memoryBytes: nil,
        appVersion: "0.1.0", created: Date(timeIntervalSince1970: 0), runtimes: ["test": "1.0"])
}

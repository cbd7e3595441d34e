import Foundation
import Testing

@testable import SlideCore

/// What both apps write in the same words.
struct WordsTests {
    struct Words: Decodable {
        struct Runtime: Decodable { let name, version, runtime: String }
        struct Stopped: Decodable {
            let seconds: Double
            let reason: String
        }
        let runtimes: [Runtime]
        let stopped: [Stopped]
    }

    @Test func runtimesAreToldWithTheirVersion() throws {
        let artifact = try ArtifactFolder().opened().artifacts[0].outcome.get()
        let options = RunOptions(accelerator: Accelerator(id: "cpu", name: "CPU"))
        let known = try Conformance.read("words.json", as: Words.self).runtimes
        #expect(!known.isEmpty)
        for word in known {
            let candidate = Candidate(
                artifact: artifact, options: options,
                backend: TestBackend(name: word.name, version: word.version))
            let result = BenchResult(
                candidate, recording: Recording(), plan: MeasuringPlan(), fitness: Fitness(.good))
            #expect(result.runtime == word.runtime)
        }
    }

    @Test func whatWasStoppedSaysSoInPythonsDigits() throws {
        let known = try Conformance.read("words.json", as: Words.self).stopped
        #expect(!known.isEmpty)
        for word in known { #expect(stopped(after: word.seconds) == word.reason) }
    }
}

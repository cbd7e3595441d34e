import Foundation
import Testing

@testable import SlideCore

struct EngineTests {
    let probe = DeviceProbe.phone(peakMemory: 1 << 20)

    func candidate(
        _ folder: ArtifactFolder, _ backend: TestBackend, accelerator: String = "cpu"
    ) throws -> Candidate {
        let artifact = try folder.opened().artifacts[0].outcome.get()
        let chosen = Accelerator(id: accelerator, name: accelerator)
        return Candidate(
            artifact: artifact, options: RunOptions(accelerator: chosen, threads: 2),
            backend: backend)
    }

    func plan(runs: Int = 40, seconds: Double = 0) -> MeasuringPlan {
        var plan = MeasuringPlan()
        (plan.runs, plan.seconds, plan.wait) = (runs, seconds, 0)
        return plan
    }

    @Test func oneMeasurement() async throws {
        let backend = TestBackend { usleep(200) }
        let folder = try ArtifactFolder()
        let results = try await Engine().measure(
            [candidate(folder, backend)], plan: plan(), verifying: true, probe: probe)
        let result = results[0]
        #expect(result.artifact == folder.name)
        #expect(result.runs == 40 && result.samplesMs.count == 40 && result.warmupRuns == 5)
        #expect(result.p50Ms! >= 0.2 && result.firstMs! >= 0.2 && result.loadMs! >= 0)
        #expect(result.peakRssBytes == 1 << 20)
        #expect(result.acceleratorRequested == "cpu" && result.acceleratorUsed == "cpu 100 %")
        #expect(result.threads == 2 && result.runtime == "Test 1.0")
        #expect(result.thermalBefore == .nominal && result.thermalAfter == .nominal)
        #expect(result.verify == [ImageVerdict(file: "golden/00.ppm", sqnrDb: nil, passed: true)])
        // Loaded twice; one first inference, five of warm-up, forty timed, one verified.
        #expect(
            backend.log == [
                "prepare", "load cpu queue", "free after 0", "load cpu queue", "free after 47",
            ])
        #expect(result.conversion?.coldLoadMs == result.loadMs && result.fitness.whyUnfit == [])
    }

    @Test func aPairIsInterleavedAndComparedInTheDocument() async throws {
        let backend = TestBackend { usleep(100) }
        let folder = try ArtifactFolder()
        let results = try await Engine().measure(
            [candidate(folder, backend), candidate(folder, backend, accelerator: "gpu")],
            plan: plan(), probe: probe)
        #expect(results.map(\.acceleratorRequested) == ["cpu", "gpu"])
        #expect(results.allSatisfy { $0.runs == 40 && $0.verify == nil })
        // The same work on both: what is called a GPU here is the CPU.
        #expect(results[0].fingerprint == nil && results[1].fingerprint?.equalToCpu == true)
        #expect(results[1].fingerprint?.maxAbs == 0)
    }

    @Test func memoryIsToldOfOneArtifactInAFreshProcess() async throws {
        var probe = self.probe
        probe.memory = { (now: 100, most: 300) }
        probe.osBuild = "22A1"
        let measured = try candidate(ArtifactFolder(), TestBackend())
        let alone = try await Engine().measure([measured], plan: plan(), probe: probe)[0]
        #expect(alone.memory?.baseBytes == 100 && alone.memory?.peakBytes == 300)
        #expect(alone.memory?.kind == "phys_footprint" && alone.conversion?.osBuild == "22A1")
        let later = try await Engine().measure(
            [measured], plan: plan(), fresh: false, probe: probe)[0]
        let pair = try await Engine().measure([measured, measured], plan: plan(), probe: probe)
        #expect(later.memory == nil && pair.allSatisfy { $0.memory == nil })
    }

    @Test func cancellingEndsEarlyAndSaysSo() async throws {
        let backend = TestBackend { usleep(1000) }
        let measured = try candidate(ArtifactFolder(), backend)
        let task = Task {
            try await Engine().measure(
                [measured], plan: plan(runs: 1, seconds: 30), probe: probe)
        }
        try await Task.sleep(for: .milliseconds(300))
        task.cancel()
        let result = try await task.value[0]
        #expect(!result.valid)
        #expect(result.whyInvalid.last?.hasPrefix("stopped after") == true)
        #expect(result.seconds < 20)
    }

    @Test func sustainedRunsHaveACurve() async throws {
        let backend = TestBackend { usleep(5000) }
        var sustained = plan()
        sustained.sustained = 2
        let result = try await Engine().measure(
            [candidate(ArtifactFolder(), backend)], plan: sustained, probe: probe)[0]
        #expect(result.sustained?.map(\.second).starts(with: [0, 1]) == true)
        #expect(result.sustained?.map(\.runs).reduce(0, +) == result.runs)
        #expect(result.endurance == OrNull(wrappedValue: nil))  // too short for a verdict
        #expect(result.whyInvalid == [])
    }

    @Test func heatThrottles() async throws {
        let probe = DeviceProbe.phone(.serious)
        let backend = TestBackend { usleep(200) }
        let result = try await Engine().measure(
            [candidate(ArtifactFolder(), backend)], plan: plan(), probe: probe)[0]
        #expect(
            result.whyInvalid.suffix(2) == [
                "throttled: from serious to serious", "the phone is serious after 0 s",
            ])
        #expect(result.peakRssBytes == nil)
    }

    @Test func verifyingReadsThePixelsOfTheGoldenImage() async throws {
        let folder = try ArtifactFolder()
        let expected = Raster(width: 2, height: 2, rgb: ArtifactFolder.pixels)
        let right = TestBackend(output: { $0 == expected ? [1.5, -0.5] : [0, 0] })
        #expect(try await Engine().verify(candidate(folder, right)).map(\.passed) == [true])
        let wrong = TestBackend(output: { _ in [1.5, -0.4] })
        let verdict = try await Engine().verify(candidate(folder, wrong))[0]
        #expect(!verdict.passed)
        #expect(abs(verdict.sqnrDb! - 10 * log10(2.5 / 0.01)) < 1e-5)  // Float's 0.4 is not 0.4
    }

    @Test func oneChangedLogitFails() async throws {
        let folder = try ArtifactFolder { manifest in
            var golden = manifest["golden"] as! [[String: Any]]
            golden[0]["logits"] = [1.5, -0.375]
            manifest["golden"] = golden
        }
        let verdicts = try await Engine().verify(candidate(folder, TestBackend()))
        #expect(verdicts.map(\.passed) == [false])
    }

    @Test func featuresHaveNoLogitsToVerify() async throws {
        let folder = try ArtifactFolder { manifest in
            manifest["task"] = "features"
            var golden = manifest["golden"] as! [[String: Any]]
            golden[0]["logits"] = NSNull()
            manifest["golden"] = golden
        }
        let features = try candidate(folder, TestBackend())
        await #expect(throws: NotUsable.self) { try await Engine().verify(features) }
        let result = try await Engine().measure(
            [features], plan: plan(), verifying: true, probe: probe)[0]
        #expect(result.runs == 40 && result.verify == nil)
    }

    @Test func photosKeepTheModelAndMeasuringLetsItGo() async throws {
        let backend = TestBackend(output: { _ in [0, 2] })
        let chosen = try candidate(ArtifactFolder(), backend)
        let engine = Engine()
        let photo = Raster(width: 5, height: 4, rgb: [UInt8](repeating: 9, count: 60))
        for _ in 0..<2 {
            let found = try await engine.classify(photo, exifOrientation: 6, with: chosen)
            #expect(found.scores.map(\.label) == ["dog", "cat"])
            #expect(abs(found.scores[0].probability - 1 / (1 + exp(-2.0))) < 1e-12)
        }
        _ = try await engine.measure([chosen], plan: plan(), probe: probe)
        // Each photo after a run that is not timed.
        let loads = backend.log.filter { $0 != "prepare" }
        #expect(
            loads == [
                "load cpu queue", "free after 4", "load cpu queue", "free after 0",
                "load cpu queue", "free after 46",
            ])
    }
}

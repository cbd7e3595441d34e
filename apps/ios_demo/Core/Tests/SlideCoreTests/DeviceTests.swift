import Foundation
import Testing

@testable import SlideCore

/// What the device says around a measurement; the vectors are apps/conformance/device.json.
struct DeviceTests {
    private struct Vectors: Decodable {
        let fitness: [FitnessCase]
        let fingerprints: [FingerprintCase]
        let endurance: [EnduranceCase]
    }

    private struct FitnessCase: Decodable {
        let powerSaver: Bool?
        let chargePercent: Int?
        let charging: Bool?
        let thermal: ThermalState
        let debuggable: Bool
        let emulator: Bool
        let waitedSeconds: Double
        let whyUnfit: [String]
    }

    private struct FingerprintCase: Decodable {
        let equalToCpu: Bool
        let maxAbs: Double?
        let cpuMs: Double
        let ownMs: Double
        let whyInvalid: [String]
    }

    private struct EnduranceCase: Decodable {
        struct Point: Decodable {
            let second: Int
            let p50Ms: Double
            let runs: Int
        }
        struct Verdict: Decodable {
            let firstMs: Double
            let lastMs: Double
            let slowdown: Double
            let throttled: Bool
        }
        let sustained: [Point]
        let thermalAfter: ThermalState
        let endurance: Verdict?
    }

    private struct ReleaseVectors: Decodable {
        struct Case: Decodable {
            let runtime: String
            let oldest: String
            let covers: Bool
        }
        let releases: [Case]
    }

    private func vectors() throws -> Vectors {
        try Conformance.read("device.json", as: Vectors.self)
    }

    @Test func aDeviceIsFitOrNotForPythonsReasons() throws {
        for known in try vectors().fitness {
            let condition = Condition(
                powerSaver: known.powerSaver, chargePercent: known.chargePercent,
                charging: known.charging, thermal: known.thermal, debuggable: known.debuggable,
                emulator: known.emulator)
            #expect(Fitness(condition, waited: known.waitedSeconds).whyUnfit == known.whyUnfit)
        }
    }

    @Test func aHotPhoneIsWaitedForAndNoLongerThanAsked() async {
        let looks = Looks(hot: 3)
        let cooling = DeviceProbe(condition: { looks.next() }, peakMemory: { nil })
        let cooled = await Fitness.waited(cooling, most: 120, pause: {})
        #expect(cooled == Fitness(.good, waited: 3))
        let hot = await Fitness.waited(.phone(.serious), most: 5, pause: {})
        #expect(hot.whyUnfit == ["the phone is serious after 5 s"])
    }

    @Test func aSustainedRunEndsWithPythonsVerdict() throws {
        for known in try vectors().endurance {
            let curve = known.sustained.map {
                SecondOfRun(second: $0.second, p50: $0.p50Ms, runs: $0.runs)
            }
            let found = Endurance(curve, after: known.thermalAfter)
            #expect((found == nil) == (known.endurance == nil))
            guard let found, let expected = known.endurance else { continue }
            #expect(abs(found.firstMs - expected.firstMs) < 1e-9)
            #expect(abs(found.lastMs - expected.lastMs) < 1e-9)
            #expect(abs(found.slowdown - expected.slowdown) < 1e-9)
            #expect(found.throttled == expected.throttled)
        }
    }

    @Test func theCPUsBitsAtTheCPUsSpeedAreBelievedOfNoAccelerator() throws {
        for known in try vectors().fingerprints {
            let found = Fingerprint(
                equalToCpu: known.equalToCpu, maxAbs: known.maxAbs, cpuMs: known.cpuMs,
                ownMs: known.ownMs)
            #expect(found.whyInvalid("gpu") == known.whyInvalid)
            #expect(found.whyInvalid("all") == [])
        }
    }

    @Test func placementIsWeighted() {
        let shares = Placement.shares(["cpu": 1, "ane": 6, "gpu": 1])
        #expect(shares.map(\.device) == ["ane", "cpu", "gpu"] && shares[0].share == 0.75)
        #expect(Placement.words(shares) == "ane 75 %, cpu 13 %, gpu 13 %")
        #expect(Placement.shares(["cpu": 0]) == [])
    }

    @Test func runtimesAreNewEnoughAsInPython() throws {
        for known in try Conformance.read("releases.json", as: ReleaseVectors.self).releases {
            let found = Releases.covers(known.runtime, oldest: known.oldest)
            #expect(found == known.covers, "\(known.runtime) for \(known.oldest)")
        }
        #expect(
            Releases.covers("18.1", oldest: "iOS 18") && !Releases.covers("17.6", oldest: "iOS 18"))
        #expect(Releases.refusal("Core ML of iOS", "17.6", oldest: nil) == nil)
    }
}

/// Too hot for some looks.
private final class Looks: @unchecked Sendable {
    private var hot: Int

    init(hot: Int) { self.hot = hot }

    func next() -> Condition {
        var condition = Condition.good
        if hot > 0 { condition.thermal = .serious }
        hot -= 1
        return condition
    }
}

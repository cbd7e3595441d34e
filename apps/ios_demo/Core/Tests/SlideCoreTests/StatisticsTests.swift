import Foundation
import Testing

@testable import SlideCore

struct StatisticsTests {
    struct Vectors: Decodable {
        let summaries: [Case]
        let sustained: [Curve]
    }

    struct Case: Decodable {
        let name: String
        let samplesMs: [Double]
        let thermalBefore: ThermalState
        let thermalAfter: ThermalState
        let p50Ms: Double
        let p90Ms: Double
        let p99Ms: Double?
        let meanMs: Double
        let spread: Double
        let slowdown: Double?
        let valid: Bool
        let whyInvalid: [String]
    }

    struct Curve: Decodable {
        let endSeconds: [Double]
        let samplesMs: [Double]
        let sustained: [Point]
    }

    struct Point: Decodable {
        let second: Int
        let p50Ms: Double
        let runs: Int
    }

    let vectors: Vectors

    init() throws { vectors = try Conformance.read("statistics.json", as: Vectors.self) }

    func near(_ a: Double, _ b: Double) -> Bool { abs(a - b) <= 1e-9 * max(1, abs(b)) }

    @Test func summariesAgreeWithPython() {
        #expect(vectors.summaries.count > 5)
        for known in vectors.summaries {
            let summary = Summary(known.samplesMs)
            #expect(near(summary.p50, known.p50Ms), "\(known.name)")
            #expect(near(summary.p90, known.p90Ms), "\(known.name)")
            #expect((summary.p99 == nil) == (known.p99Ms == nil), "\(known.name)")
            #expect(near(summary.p99 ?? 0, known.p99Ms ?? 0), "\(known.name)")
            #expect(near(summary.mean, known.meanMs), "\(known.name)")
            #expect(near(summary.spread, known.spread), "\(known.name)")
            #expect((slowdown(known.samplesMs) == nil) == (known.slowdown == nil), "\(known.name)")
            #expect(near(slowdown(known.samplesMs) ?? 0, known.slowdown ?? 0), "\(known.name)")
        }
    }

    @Test func verdictsAgreeWithPythonWordForWord() {
        for known in vectors.summaries {
            let reasons = whyInvalid(
                known.samplesMs, before: known.thermalBefore, after: known.thermalAfter)
            #expect(reasons == known.whyInvalid, "\(known.name)")
            #expect(reasons.isEmpty == known.valid, "\(known.name)")
        }
    }

    @Test func aChartShowsTheSlowestOfEachColumn() {
        #expect(columns([1, 9, 2, 3, 4, 8], count: 3) == [9, 3, 8])
        #expect(columns([1, 2], count: 300) == [1, 2])
        #expect(columns([], count: 300) == [])
    }

    @Test func curvesAgreeWithPython() {
        #expect(!vectors.sustained.isEmpty)
        for known in vectors.sustained {
            let curve = bySecond(ends: known.endSeconds, samples: known.samplesMs)
            #expect(curve.map(\.second) == known.sustained.map(\.second))
            #expect(curve.map(\.runs) == known.sustained.map(\.runs))
            for (a, b) in zip(curve, known.sustained) { #expect(near(a.p50, b.p50Ms)) }
        }
    }
}

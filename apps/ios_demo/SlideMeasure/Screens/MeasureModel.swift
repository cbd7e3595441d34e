import Foundation
import Observation
import SlideCore
import UIKit

/// Runs one measurement at a time, and holds what the screen shows of it.
@MainActor
@Observable
final class MeasureModel {
    enum Mode: String, CaseIterable, Identifiable {
        case usual = "Usual"
        case sustained = "60 seconds"
        case comparison = "A/B"
        var id: String { rawValue }
    }

    enum Stage {
        case idle
        case running
        case done([BenchResult])
        case failed(String)
    }

    var mode = Mode.usual
    var first = RunChoice()
    var second = RunChoice()
    var runs = 50
    var seconds = 3.0
    private(set) var stage = Stage.idle

    var isRunning: Bool {
        if case .running = stage { return true }
        return false
    }

    func start(in app: AppModel) {
        let choices = mode == .comparison ? [first, second] : [first]
        let candidates = choices.compactMap { $0.candidate(in: app) }
        guard candidates.count == choices.count, !isRunning else { return }
        var plan = MeasuringPlan()
        plan.runs = runs
        plan.seconds = seconds
        plan.sustained = mode == .sustained ? 60 : nil
        stage = .running
        app.begin { await self.measure(candidates, plan, in: app) }
    }

    private func measure(_ candidates: [Candidate], _ plan: MeasuringPlan, in app: AppModel) async {
        // A locked screen lowers the clocks.
        UIApplication.shared.isIdleTimerDisabled = true
        defer { UIApplication.shared.isIdleTimerDisabled = false }
        do {
            let results = try await app.engine.measure(
                candidates, plan: plan, fresh: app.results.isEmpty, probe: Device.probe())
            app.add(results)
            stage = .done(results)
        } catch {
            stage = .failed(error.localizedDescription)
        }
    }
}

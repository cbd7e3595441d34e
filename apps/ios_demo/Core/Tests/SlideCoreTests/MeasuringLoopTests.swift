import Foundation
import Testing

@testable import SlideCore

struct MeasuringLoopTests {
    func plan(runs: Int, seconds: Double, warmup: Int = 5) -> MeasuringPlan {
        var plan = MeasuringPlan()
        (plan.runs, plan.seconds, plan.warmup) = (runs, seconds, warmup)
        return plan
    }

    @Test func runsAndSecondsAreBothReached() throws {
        let many = TestModel(TestBackend())
        let byRuns = try MeasuringLoop(plan: plan(runs: 1000, seconds: 0)).run([many])[0]
        #expect(byRuns.durations.count == 1000)
        #expect(many.runs == 1005)
        let slow = TestModel(TestBackend { usleep(2000) })
        let bySeconds = try MeasuringLoop(plan: plan(runs: 1, seconds: 0.2)).run([slow])[0]
        #expect(bySeconds.endSeconds.last! >= 0.2)
        #expect(bySeconds.durations.count > 10)
        #expect(bySeconds.milliseconds.allSatisfy { $0 >= 2 })
    }

    @Test func twoModelsTakeTurns() throws {
        let backend = TestBackend()
        let pair = [TestModel(backend), TestModel(backend)]
        let recordings = try MeasuringLoop(plan: plan(runs: 100, seconds: 0)).run(pair)
        #expect(recordings.map(\.durations.count) == [100, 100])
        #expect(pair.map(\.runs) == [105, 105])
        // In turns: no model runs twice in a round.
        for index in 0..<99 {
            #expect(recordings[0].ends[index] <= recordings[1].ends[index + 1])
            #expect(recordings[1].ends[index] <= recordings[0].ends[index + 1])
        }
    }

    @Test func aRoundIsTurnedAroundInTheNext() {
        var rounds = Rounds(count: 3, seed: 7)
        var firsts = [0, 0, 0]
        for _ in 0..<300 {
            rounds.next()
            let order = rounds.order
            firsts[order[0]] += 1
            rounds.next()
            #expect(rounds.order == order.reversed())
        }
        #expect(firsts.allSatisfy { (70...130).contains($0) })
    }

    @Test func aCancelledLoopReturnsWhatItHas() throws {
        var looks = 0
        let model = TestModel(TestBackend())
        let loop = MeasuringLoop(plan: plan(runs: 1000, seconds: 60)) {
            looks += 1
            return looks > 50
        }
        #expect(try loop.run([model])[0].durations.count == 45)  // 5 looks were of the warm-up
    }

    @Test func errorsOfTheModelComeThrough() {
        let model = TestModel(TestBackend { throw NotUsable("no") })
        #expect(throws: NotUsable("no")) { try MeasuringLoop(plan: MeasuringPlan()).run([model]) }
    }

    /// What a run costs beside the model: time stamps, two numbers stored, a look at the clock. The
    /// least of five, because other work on this machine is no cost of the loop's.
    @Test func ownOverheadIsUnderFiveMicroseconds() throws {
        let runs = 20_000
        var least = Double.infinity
        for _ in 0..<5 {
            let model = TestModel(TestBackend())
            let cancellation = Cancellation()
            let loop = MeasuringLoop(
                plan: plan(runs: runs, seconds: 0), isCancelled: { cancellation.isCancelled })
            let begin = MeasuringLoop.now()
            _ = try loop.run([model])
            least = min(least, Double(MeasuringLoop.now() - begin) / Double(runs) / 1000)
        }
        print("loop overhead: \(String(format: "%.2f", least)) microseconds a run")
        #expect(least < 5)
    }
}

import Foundation
import Testing

@testable import SlideCore

struct FarmTests {
    struct Shared: Decodable {
        struct Understood: Decodable {
            let scenario: String
            let ios: [[String]]
        }
        struct Refused: Decodable { let scenario, why: String }
        let understood: [Understood]
        let refused: [Refused]
    }

    func loop(_ scenario: String) -> URL {
        URL(string: "firebase-game-loop://?scenario=\(scenario)")!
    }

    @Test func aGameLoopStandsForAHeadlessStart() throws {
        for word in try Conformance.read("game_loops.json", as: Shared.self).understood {
            var parts = URLComponents(string: "slidemeasure://measure")!
            parts.queryItems = word.ios.map { URLQueryItem(name: $0[0], value: $0[1]) }
            let request = try HeadlessRequest(loop(word.scenario))
            #expect(try request == HeadlessRequest(parts.url!))
            #expect(HeadlessRequest.output(loop(word.scenario)) == request.output)
        }
        let first = try HeadlessRequest(URL(string: "firebase-game-loop://")!)
        #expect(try first == HeadlessRequest(loop("1")))
    }

    @Test func aLoopThatIsNotKnownIsRefused() throws {
        for word in try Conformance.read("game_loops.json", as: Shared.self).refused {
            #expect(throws: NotUsable(word.why)) { try HeadlessRequest(loop(word.scenario)) }
            #expect(HeadlessRequest.output(loop(word.scenario)) == nil)
        }
        #expect(throws: NotUsable.self) { try HeadlessRequest(loop("one")) }
    }

    @Test func onlyALoopsAddressIsOne() {
        #expect(Farm.isLoop(loop("2")))
        #expect(!Farm.isLoop(URL(string: "slidemeasure://measure")!))
    }
}

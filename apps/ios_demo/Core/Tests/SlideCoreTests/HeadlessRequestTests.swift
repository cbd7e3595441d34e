import Foundation
import Testing

@testable import SlideCore

struct HeadlessRequestTests {
    func request(_ rest: String) throws -> HeadlessRequest {
        try HeadlessRequest(URL(string: "slidemeasure://measure?\(rest)")!)
    }

    struct Shared: Decodable {
        struct Understood: Decodable {
            let asked: [[String]]
            let artifacts: [String]
            let accelerator: String?
            let threads: Int?
            let warmup, runs: Int
            let seconds, wait: Double
            let session: Int?
            let precision: String?
            let sustained, ab, verify: Bool
            let out: String
        }
        struct Refused: Decodable {
            let asked: [[String]]
            let why: String
            let out: String?
        }
        let understood: [Understood]
        let refused: [Refused]
    }

    func address(_ asked: [[String]]) -> URL {
        var parts = URLComponents(string: "slidemeasure://measure")!
        parts.queryItems = asked.map { URLQueryItem(name: $0[0], value: $0[1]) }
        return parts.url!
    }

    @Test func whatIsAskedForIsUnderstoodAsOnAndroid() throws {
        let cases = try Conformance.read("headless.json", as: Shared.self).understood
        #expect(!cases.isEmpty)
        for word in cases {
            let request = try HeadlessRequest(address(word.asked))
            let plan = request.plan
            #expect(request.artifacts == word.artifacts && request.accelerator == word.accelerator)
            #expect(request.threads == word.threads && plan.warmup == word.warmup)
            #expect(plan.leastRuns == word.runs && plan.leastSeconds == word.seconds)
            #expect((plan.sustained != nil) == word.sustained && request.interleaved == word.ab)
            #expect(plan.wait == word.wait && request.turn?.number == word.session)
            #expect(request.precision?.rawValue == word.precision)
            #expect(request.verifying == word.verify && request.output == word.out)
            #expect(HeadlessRequest.output(address(word.asked)) == word.out)
        }
    }

    func refusal(of url: URL) -> String? {
        do {
            _ = try HeadlessRequest(url)
            return nil
        } catch {
            return "\(error)"
        }
    }

    @Test func nonsenseIsRefusedAsOnAndroid() throws {
        let cases = try Conformance.read("headless.json", as: Shared.self).refused
        #expect(!cases.isEmpty)
        for word in cases {
            let url = address(word.asked)
            #expect(refusal(of: url)?.hasPrefix(word.why) == true, "\(word.why)")
            #expect(HeadlessRequest.output(url) == word.out)
        }
    }

    @Test(arguments: ["runs", "seconds", "runs=30&runs=50", "exit=2", "artifact"])
    func whatOnlyAnAddressCanSayIsRefusedToo(text: String) {
        #expect(throws: NotUsable.self) { try request(text) }
    }

    @Test(arguments: ["slidemeasure://verify", "https://measure?runs=1", "slidemeasure:measure"])
    func otherAddressesAreRefused(text: String) {
        #expect(throws: NotUsable.self) { try HeadlessRequest(URL(string: text)!) }
    }

    @Test func artifactsAndAcceleratorsAreFoundByName() throws {
        let folder = try ArtifactFolder()
        let (library, backends) = (folder.opened(), [TestBackend()])
        let all = try request("accelerator=gpu").groups(in: library, backends: backends)
        #expect(all.groups.map { $0.map(\.artifact.folder) } == [[folder.name]])
        #expect(all.groups[0][0].options.accelerator.id == "gpu")
        let twice = "artifact=\(folder.name)&artifact=\(folder.name)"
        func count(_ text: String) throws -> Int {
            try request(text).groups(in: library, backends: backends).groups.count
        }
        #expect(try count(twice) == 2)
        #expect(try count(twice + "&ab=1") == 1)
        #expect(throws: NotUsable("gone is not embedded, only \(folder.name)")) {
            try request("artifact=gone").groups(in: library, backends: backends)
        }
        #expect(throws: NotUsable("\(folder.name) has no accelerator ane, only cpu, gpu")) {
            try request("accelerator=ane&artifact=\(folder.name)").groups(
                in: library, backends: backends)
        }
    }

    @Test func ofAllThoseThatCannotAreTold() throws {
        let folder = try ArtifactFolder()
        let asked = try request("accelerator=ane").groups(
            in: folder.opened(), backends: [TestBackend()])
        #expect(asked.groups.isEmpty && asked.failed.map(\.artifact) == [folder.name])
        #expect(asked.failed[0].error == "\(folder.name) has no accelerator ane, only cpu, gpu")
    }

    @Test func threadsAreOfRuntimesThatHaveThem() throws {
        let library = try ArtifactFolder().opened()
        let cases: [(TestBackend, Int?)] = [
            (TestBackend(), 2), (TestBackend(hasThreads: false), nil),
        ]
        for (backend, expected) in cases {
            let asked = try request("threads=2").groups(in: library, backends: [backend])
            #expect(asked.groups[0][0].options.threads == expected)
        }
    }

    @Test func theEndMayBeTheAppsEnd() throws {
        let words = ["exit=1": true, "exit=0": false, "": false, "nonsense=2&exit=1": true]
        for (text, expected) in words {
            let url = URL(string: "slidemeasure://measure?\(text)")!
            #expect(HeadlessRequest.exits(url) == expected)
        }
        #expect(throws: NotUsable.self) { try request("exit=2") }
    }
}

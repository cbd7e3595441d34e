import Foundation
import Testing

@testable import SlideCore

struct HeadlessRequestTests {
    func request(_ rest: String) throws -> HeadlessRequest {
        try HeadlessRequest(URL(string: "slidemeasure://measure?\(rest)")!)
    }

    @Test func everyWordIsUnderstood() throws {
        let asked = try request(
            "artifact=a&artifact=b&accelerator=gpu&threads=2&warmup=1&runs=60&seconds=2.5&ab=1&verify=1&out=x.json"
        )
        #expect(asked.artifacts == ["a", "b"] && asked.accelerator == "gpu" && asked.threads == 2)
        #expect(asked.plan.warmup == 1 && asked.plan.runs == 60 && asked.plan.seconds == 2.5)
        #expect(asked.interleaved && asked.verifying && asked.output == "x.json")
        #expect(try request("sustained=60").plan.leastSeconds == 60)
        #expect(try request("").plan == MeasuringPlan())
    }

    @Test(arguments: [
        "runs=0", "runs=many", "seconds=-1", "seconds=nan", "threads=0", "ab=2", "acelerator=cpu",
        "out=../x.json", "out=.json", "out=x.txt", "runs",
    ])
    func nonsenseIsRefused(text: String) {
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
        #expect(throws: NotUsable("gone is not embedded")) {
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

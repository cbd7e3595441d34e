import Foundation
import Testing

@testable import SlideCore

struct HeadlessOutputTests {
    let documents = FileManager.default.temporaryDirectory
        .appendingPathComponent(UUID().uuidString)

    func output(_ address: String) -> HeadlessOutput {
        HeadlessOutput(of: URL(string: address)!, documents: documents)
    }

    func write(_ name: String) throws {
        let file = documents.appendingPathComponent(name)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data("of an earlier start".utf8).write(to: file)
    }

    func names(_ folder: String = "") throws -> [String] {
        let path = documents.appendingPathComponent(folder).path
        return try FileManager.default.contentsOfDirectory(atPath: path).sorted()
    }

    func reason(_ folder: String = "") throws -> String {
        let file = documents.appendingPathComponent(folder)
            .appendingPathComponent(HeadlessOutput.errors)
        return try String(contentsOf: file, encoding: .utf8)
    }

    func nothing(_ request: HeadlessRequest) -> BenchDocument {
        BenchDocument(environment: .test, results: [])
    }

    @Test func theDocumentIsInTheFileThatWasAskedFor() async throws {
        try write(HeadlessOutput.errors)
        let file = try await output("slidemeasure://measure?out=x.json").answer(by: nothing)
        #expect(file.lastPathComponent == "x.json" && file.path.hasPrefix(documents.path))
        #expect(try names() == ["x.json"])
        let plain = try JSONSerialization.jsonObject(with: Data(contentsOf: file))
        #expect((plain as? [String: Any])?["source"] as? String == "ios")
    }

    @Test func aGameLoopHasAFolderThatTheLabTakesHome() async throws {
        let file = try await output("firebase-game-loop://?scenario=2").answer(by: nothing)
        #expect(file.path.hasSuffix("GameLoopResults/game-loop-2.json"))
        #expect(try names("GameLoopResults") == ["game-loop-2.json"])
        await #expect(throws: NotUsable.self) {
            try await output("firebase-game-loop://?scenario=9").answer(by: nothing)
        }
        #expect(
            try reason("GameLoopResults")
                == "slidemeasure: failed: scenario=9 is not a whole number from 1 to 4")
    }

    @Test func eachGameLoopHasAReasonOfItsOwn() async throws {
        await #expect(throws: NotUsable("too hot")) {
            try await output("firebase-game-loop://?scenario=1").answer { _ in
                throw NotUsable("too hot")
            }
        }
        _ = try await output("firebase-game-loop://?scenario=2").answer(by: nothing)
        #expect(try names("GameLoopResults") == ["game-loop-1-error.txt", "game-loop-2.json"])
    }

    @Test func aFailureLeavesItsReasonAndNoDocument() async throws {
        try write("x.json")
        await #expect(throws: NotUsable("too hot")) {
            try await output("slidemeasure://measure?out=x.json").answer { _ in
                throw NotUsable("too hot")
            }
        }
        #expect(try names() == [HeadlessOutput.errors])
        #expect(try reason() == "slidemeasure: failed: too hot")
    }

    @Test func whatIsRefusedLeavesNoDocumentEither() async throws {
        try write("x.json")
        await #expect(throws: NotUsable.self) {
            try await output("slidemeasure://measure?runs=0&out=x.json").answer(by: nothing)
        }
        #expect(try names() == [HeadlessOutput.errors])
    }
}

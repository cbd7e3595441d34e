import Foundation
import Testing

@testable import SlideCore

struct SlideLibraryTests {
    let photo = Raster(width: 5, height: 4, rgb: [UInt8](repeating: 9, count: 60))

    func library(_ folder: ArtifactFolder, _ backends: any Backend...) -> SlideLibrary {
        SlideLibrary(artifacts: folder.library, backends: backends)
    }

    @Test func anArtifactIsOpenedAndPredicts() async throws {
        let folder = try ArtifactFolder()
        let model = try library(folder, TestBackend(output: { _ in [0, 2] })).model(folder.name)
        let found = try await model.predict(photo, exifOrientation: 6, count: 1)
        #expect(found.scores.map(\.label) == ["dog"])
        #expect(model.candidate.options.accelerator.id == "cpu")
    }

    @Test func itIsVerifiedAndMeasuredAsOnTheScreens() async throws {
        let folder = try ArtifactFolder()
        let model = try library(folder, TestBackend()).model(
            folder.name, accelerator: "gpu", threads: 2)
        #expect(try await model.verify().map(\.passed) == [true])
        var plan = MeasuringPlan()
        (plan.runs, plan.seconds, plan.wait) = (40, 0, 0)
        let result = try await model.measure(plan, probe: .phone())
        #expect(result.runs == 40 && result.acceleratorRequested == "gpu" && result.threads == 2)
    }

    @Test func anotherRuntimeIsATypeAndNothingElse() async throws {
        let folder = try ArtifactFolder { $0["target"] = "third" }
        let third = ThirdBackend()
        #expect(throws: NotUsable("Test runs test files")) {
            try library(folder, TestBackend()).model(folder.name)
        }
        let model = try library(folder, TestBackend(), third).model(folder.name)
        #expect(model.candidate.backend.name == "Third")
        #expect(try await model.predict(photo).scores[0].label == "cat")
    }

    @Test func whatCannotBeOpenedSaysWhy() throws {
        let folder = try ArtifactFolder()
        let library = library(folder, TestBackend())
        #expect(throws: NotUsable("gone is not embedded, only \(folder.name)")) {
            try library.model("gone")
        }
        #expect(throws: NotUsable("\(folder.name) has no accelerator ane, only cpu, gpu")) {
            try library.model(folder.name, accelerator: "ane")
        }
        try folder.write("model.bin", Data("changed".utf8))
        #expect(throws: NotUsable("model.bin was changed after it was certified")) {
            try self.library(folder, TestBackend()).model(folder.name)
        }
    }

    @Test func whatIsBroughtLaterIsFoundToo() throws {
        let (first, second) = (try ArtifactFolder(), try ArtifactFolder(name: "later-test-fp32"))
        let more = library(first, TestBackend()).adding(second.opened().artifacts)
        #expect(try more.model(second.name).candidate.artifact.folder == second.name)
    }
}

/// A runtime that neither the core nor a screen knows.
private struct ThirdBackend: Backend {
    let name = "Third"
    let version = "1"
    let key = "third"

    func refusal(of manifest: Manifest) -> String? {
        manifest.target == "third" ? nil : "Third runs third files"
    }
    func accelerators(for manifest: Manifest) -> [Accelerator] {
        [Accelerator(id: "cpu", name: "CPU")]
    }
    func threadChoices(for manifest: Manifest, cores: Int) -> [Int] { [] }
    func prepare(_ artifact: Artifact) async throws -> Made { Made(.none) }
    func load(_ artifact: Artifact, _ options: RunOptions) throws -> any LoadedModel {
        TestModel(TestBackend())
    }
    func placement(of artifact: Artifact, _ options: RunOptions) async -> Whereabouts? { nil }
}

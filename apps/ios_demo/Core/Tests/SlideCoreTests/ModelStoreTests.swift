import Foundation
import Testing

@testable import SlideCore

struct ModelStoreTests {
    let root = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    var store: ModelStore { ModelStore(root: root) }

    /// An artifact as it is brought; another number of decibels makes another manifest.
    func brought(_ decibels: Int = 120) throws -> ArtifactFolder {
        try ArtifactFolder(name: "model") { manifest in
            manifest["parity"] = ["sqnr_db": decibels, "min_sqnr_db": 90, "samples": 8]
        }
    }

    let passed = [ImageVerdict(file: "golden/00.ppm", sqnrDb: nil, passed: true)]

    func promoted(_ decibels: Int) async throws -> StoredModel {
        let model = try store.takeIn(brought(decibels).root)
        try await store.prove(model) { _ in passed }
        return model
    }

    @Test func whatIsBroughtIsVerifiedProvedAndPromoted() async throws {
        let model = try store.takeIn(brought().root)
        #expect(store.promoted() == [])
        try await store.prove(model) { artifact in
            let candidate = Candidate(
                artifact: artifact,
                options: RunOptions(accelerator: Accelerator(id: "cpu", name: "CPU")),
                backend: TestBackend())
            return try await Engine().verify(candidate)
        }
        #expect(ModelStore(root: root).promoted() == [model])  // a new start
        #expect(try store.open(model).folder == "model")
    }

    @Test func onlyWhatTheManifestListsIsKept() throws {
        let folder = try brought()
        try folder.write("stray.sh", Data("rm".utf8))
        let kept = try store.open(store.takeIn(folder.root)).root
        let names = try #require(FileManager.default.subpaths(atPath: kept.path)).sorted()
        let files = ["golden", "golden/00.ppm", "labels.txt", "manifest.json", "model.bin"]
        #expect(names == files)
    }

    @Test func whatIsDamagedIsRefusedAndLeavesNothing() throws {
        let damaged = try brought()
        try damaged.write("model.bin", Data("weightz".utf8))
        let short = try brought()
        try FileManager.default.removeItem(at: short.root.appendingPathComponent("labels.txt"))
        let linked = try brought()
        let labels = linked.root.appendingPathComponent("labels.txt")
        try FileManager.default.removeItem(at: labels)
        try FileManager.default.createSymbolicLink(
            at: labels, withDestinationURL: short.root.appendingPathComponent("manifest.json"))
        let hidden = try ArtifactFolder(name: ".hidden")
        for folder in [damaged, short, linked, hidden] {
            #expect(throws: NotUsable.self) { try store.takeIn(folder.root) }
        }
        #expect(store.promoted() == [])
        #expect(((try? FileManager.default.contentsOfDirectory(atPath: root.path)) ?? []) == [])
    }

    @Test func whatComputesSomethingElseIsNotPromotedAndTheLastGoodOneStays() async throws {
        let good = try await promoted(120)
        let next = try store.takeIn(brought(121).root)
        let missed = [ImageVerdict(file: "golden/00.ppm", sqnrDb: 3, passed: false)]
        await #expect(
            throws: NotUsable("model is not promoted: 1 of 1 golden images are under the floor")
        ) { try await store.prove(next) { _ in missed } }
        let crashing = try store.takeIn(brought(122).root)
        await #expect(throws: NotUsable("model is not promoted: no such kernel")) {
            try await store.prove(crashing) { _ in throw NotUsable("no such kernel") }
        }
        #expect(store.promoted() == [good])
    }

    @Test func aPromotedModelCanBeTakenBackToTheOneBeforeIt() async throws {
        let first = try await promoted(120)
        let second = try await promoted(121)
        #expect(store.promoted() == [second])
        #expect(store.rollBack(second) == first)
        #expect(store.rollBack(first) == nil)
    }

    @Test func damagedFilesGiveWayToTheOneBefore() async throws {
        let first = try await promoted(120)
        let second = try await promoted(121)
        try Data("damaged".utf8).write(to: store.open(second).modelURL)
        #expect(store.promoted() == [first])
        let third = try await promoted(122)
        let kept = try FileManager.default.contentsOfDirectory(
            atPath: root.appendingPathComponent("model").path)
        #expect(Set(kept) == ["promoted", second.manifestSHA256, third.manifestSHA256])
    }

    @Test func afterAnUpdateOfTheSystemWhatWasPromotedIsProvedAgain() async throws {
        let first = try await promoted(120)
        _ = try await promoted(121)
        let asked: ModelStore.Proof = { _ in throw NotUsable("asked") }
        #expect(await store.recover(osBuild: "1", by: { _ in passed }) == [])
        #expect(await store.recover(osBuild: "1", by: asked) == [])
        let found = await store.recover(osBuild: "2") { artifact in
            let passed = artifact.manifest.parity.decibels == 120
            return [ImageVerdict(file: "golden/00.ppm", sqnrDb: 3, passed: passed)]
        }
        let why = "model is not promoted: 1 of 1 golden images are under the floor"
        #expect(found.map(\.why) == [why])
        #expect(store.promoted() == [first])
        #expect(await store.recover(osBuild: "3", by: asked).count == 1)
        #expect(store.promoted() == [])
    }

    @Test func aModelWhoseProofEndedTheAppIsGoneAtTheNextStart() async throws {
        let good = try await promoted(120)
        _ = await store.recover(osBuild: "1") { _ in passed }
        let deadly = try store.takeIn(brought(121).root)
        let underway = root.appendingPathComponent("model/proving")
        try Data(deadly.manifestSHA256.utf8).write(to: underway)  // as a crash leaves it
        let found = await store.recover(osBuild: "1") { _ in passed }
        #expect(found.map(\.why) == ["model is not promoted: it ended the app"])
        #expect(store.promoted() == [good])
        #expect(await store.recover(osBuild: "1") { _ in passed } == [])
    }

    @Test func aProductIsOfAFileASystemADeviceAndARuntime() {
        let key = ProductKey(manifestSHA256: "a", osBuild: "1", device: "phone", made: "Core ML")
        var others = [key, key, key, key]
        others[0].manifestSHA256 = "b"
        others[1].osBuild = "2"
        others[2].device = "tablet"
        others[3].made = "other"
        #expect(Set((others + [key]).map(\.digest)).count == 5)
    }

    @Test func productsAreKeptAndTheLeastLatelyUsedGoFirst() throws {
        let cache = ProductCache(root: root, mostBytes: 1000, suffix: ".product")
        let keys = (1...4).map {
            ProductKey(manifestSHA256: "a", osBuild: "\($0)", device: "phone", made: "Core ML")
        }
        for (index, key) in keys.enumerated() {
            let product = FileManager.default.temporaryDirectory
                .appendingPathComponent(UUID().uuidString)
            try FileManager.default.createDirectory(
                at: product, withIntermediateDirectories: true)
            try Data(count: index == 3 ? 500 : 200).write(
                to: product.appendingPathComponent("program"))
            try cache.keep(product, as: key)
            #expect(cache.has(key) && cache.url(key).pathExtension == "product")
            cache.touch(key, now: Date(timeIntervalSince1970: Double(index)))
        }
        #expect(keys.map(cache.has) == [false, true, true, true])
        cache.evict(kept: keys[1])
        cache.remove(keys[2])
        #expect(keys.map(cache.has) == [false, true, false, true])
    }
}

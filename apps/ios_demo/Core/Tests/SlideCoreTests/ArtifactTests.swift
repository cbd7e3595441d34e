import Foundation
import Testing

@testable import SlideCore

struct ArtifactTests {
    func whyNot(_ folder: ArtifactFolder) -> String? { folder.opened().artifacts[0].whyNot }

    @Test func wholeArtifactsAreUsable() throws {
        let artifact = try #require(try ArtifactFolder().opened().artifacts[0].artifact)
        #expect(artifact.labels == ["cat", "dog"])
        #expect(artifact.manifest.input.width == 2)
        #expect(artifact.manifest.golden[0].logits == [1.5, -0.5])
        #expect(artifact.hasLogits)
    }

    @Test(arguments: ["model.bin", "labels.txt", "golden/00.ppm"])
    func oneChangedByteShows(file: String) throws {
        let folder = try ArtifactFolder()
        let path = folder.root.appendingPathComponent(file)
        var content = try Data(contentsOf: path)
        content[content.count - 1] ^= 1
        try content.write(to: path)
        #expect(whyNot(folder) == "\(file) was changed after it was certified")
    }

    @Test(arguments: ["model.bin", "labels.txt", "golden/00.ppm"])
    func missingFilesShow(file: String) throws {
        let folder = try ArtifactFolder()
        try FileManager.default.removeItem(at: folder.root.appendingPathComponent(file))
        #expect(whyNot(folder) == "\(file) is missing")
    }

    @Test func aManifestThatIsNotTheEmbeddedOneShows() throws {
        let folder = try ArtifactFolder()
        let path = folder.root.appendingPathComponent("manifest.json")
        let text = try String(contentsOf: path, encoding: .utf8)
        for changed in [text.replacingOccurrences(of: "1.5", with: "1.25"), text + "\n", "{"] {
            try changed.write(to: path, atomically: true, encoding: .utf8)
            #expect(
                whyNot(folder)
                    == "its manifest is not the one that was embedded: run slide-mobile embed again"
            )
        }
        try FileManager.default.removeItem(at: path)
        #expect(whyNot(folder) == "manifest.json is missing")
    }

    @Test func whatIsNoJSONShows() throws {
        let folder = try ArtifactFolder()
        try folder.write(manifest: Data("{\"schema_version\": 5".utf8))
        #expect(whyNot(folder) == "the manifest is not JSON")
    }

    @Test func otherVersionsSayWhatToDo() throws {
        let newer = try ArtifactFolder { $0["schema_version"] = 6 }
        #expect(whyNot(newer) == "manifest schema 6 is not 5: update the app")
        let older = try ArtifactFolder { $0["schema_version"] = 4 }
        #expect(whyNot(older) == "manifest schema 4 is not 5: convert the model again")
    }

    /// A package: each of its files is listed, and nothing else lies in it, not even a link.
    @Test func packagesHoldWhatTheManifestLists() throws {
        let files = ["Manifest.json", "Data/weights/weight.bin"].map { "model.mlpackage/\($0)" }
        let folder = try ArtifactFolder()
        for file in files { try folder.write(file, Data(file.utf8)) }
        try folder.write { manifest in
            var listed = manifest["files"] as! [String: String]
            listed["model.bin"] = nil
            for file in files { listed[file] = sha256(Data(file.utf8)) }
            (manifest["file"], manifest["files"]) = ("model.mlpackage", listed)
        }
        #expect(whyNot(folder) == nil)
        try folder.write(files[1], Data("changed".utf8))
        #expect(whyNot(folder) == "\(files[1]) was changed after it was certified")
        try folder.write(files[1], Data(files[1].utf8))
        let stranger = "model.mlpackage/Data/more.bin"
        try folder.write(stranger, Data())
        #expect(whyNot(folder) == "\(stranger) is not in the manifest")
        let url = folder.root.appendingPathComponent(stranger)
        try FileManager.default.removeItem(at: url)
        try FileManager.default.createSymbolicLink(at: url, withDestinationURL: folder.library)
        #expect(whyNot(folder) == "\(stranger) is not in the manifest")
        try FileManager.default.removeItem(at: url)
        #expect(whyNot(folder) == nil)
    }

    @Test func manifestsThatMakeNoSenseShow() throws {
        let cases: [(String, (inout [String: Any]) -> Void)] = [
            ("the manifest is damaged: parity is missing", { $0["parity"] = nil }),
            (
                "the manifest is damaged: size_bytes is of the wrong kind",
                { $0["size_bytes"] = "seven" }
            ),
            (
                "the manifest is damaged: a file is not named as an artifact's is",
                { $0["file"] = "../model.bin" }
            ),
            (
                "the manifest is damaged: task 'detect' is not one of classify, features, own",
                { $0["task"] = "detect" }
            ),
            ("the manifest is damaged: it has no outputs", { $0["outputs"] = [Any]() }),
            (
                "the manifest is damaged: an output has no shape",
                { $0["outputs"] = [["name": "logits", "shape": [1, 0], "dtype": "float32"]] }
            ),
            (
                "the manifest is damaged: a classifier has labels",
                { $0["files"] = Self.without("labels.txt", $0["files"]) }
            ),
            (
                "the manifest is damaged: a golden image has no sha256",
                { $0["files"] = Self.without("golden/00.ppm", $0["files"]) }
            ),
            (
                "the manifest is damaged: model.bin has no sha256",
                { $0["files"] = Self.without("model.bin", $0["files"]) }
            ),
            (
                "the manifest is damaged: a file has no sha256",
                { $0["files"] = ["model.bin": "0"] }
            ),
            (
                "the manifest is damaged: its decibels are not between -200 and 200",
                { $0["parity"] = ["sqnr_db": 120.5, "min_sqnr_db": -1000, "samples": 8] }
            ),
            ("the manifest is damaged: it has no golden images", { $0["golden"] = [Any]() }),
            (
                "the manifest is damaged: golden logits are not one a class",
                {
                    $0["model"] = [
                        "name": "demo", "num_classes": 3, "params": 3, "macs": 4, "trained": true,
                    ]
                }
            ),
            (
                "the manifest is damaged: its input is not one RGB image",
                {
                    $0["input"] = [
                        "name": "image", "shape": [2, 3, 2, 2], "layout": "NCHW",
                        "dtype": "float32",
                    ]
                }
            ),
        ]
        for (expected, change) in cases {
            let folder = try ArtifactFolder(changing: change)
            #expect(whyNot(folder) == expected)
        }
    }

    private static func without(_ name: String, _ files: Any?) -> [String: String] {
        (files as! [String: String]).filter { $0.key != name }
    }

    static let labels: [(String, [String]?)] = [
        ("cat\n\n", ["cat", ""]), ("\ndog", ["", "dog"]), ("cat\r\ndog\r\n", ["cat", "dog"]),
        ("cat\ndog\nowl\n", nil), ("cat", nil), ("", nil),
    ]

    @Test(arguments: ArtifactTests.labels)
    func labelsAreOneAClass(text: String, labels: [String]?) throws {
        let folder = try ArtifactFolder()
        let data = Data(text.utf8)
        try folder.write("labels.txt", data)
        try folder.write { manifest in
            var listed = manifest["files"] as! [String: String]
            listed["labels.txt"] = sha256(data)
            manifest["files"] = listed
        }
        #expect(folder.opened().artifacts[0].artifact?.labels == labels)
        if labels == nil {
            #expect(whyNot(folder)?.hasSuffix("for 2 classes") == true)
        }
    }

    @Test func foreignAndDamagedOnesBreakNothingElse() throws {
        let folder = try ArtifactFolder()
        let digest = try folder.manifestSHA256
        try folder.write(index: [
            ["folder": "../outside", "manifest_sha256": digest],
            ["folder": "gone", "manifest_sha256": digest],
            ["folder": folder.name, "manifest_sha256": digest],
            ["folder": folder.name, "manifest_sha256": String(repeating: "0", count: 64)],
        ])
        let library = folder.opened()
        #expect(library.problem == nil)
        #expect(
            library.artifacts.map(\.whyNot) == [
                "its name leaves the artifacts folder", "manifest.json is missing", nil,
                "its manifest is not the one that was embedded: run slide-mobile embed again",
            ])
        let refused = folder.opened { "no runtime for \($0.target)" }
        #expect(refused.artifacts[2].whyNot == "no runtime for test")
    }

    @Test func noIndexIsAProblemAndNoCrash() throws {
        let folder = try ArtifactFolder()
        let index = folder.library.appendingPathComponent("index.json")
        try Data("{".utf8).write(to: index)
        #expect(folder.opened().problem?.contains("index.json is not JSON") == true)
        try FileManager.default.removeItem(at: index)
        #expect(folder.opened().problem?.contains("slide-mobile embed") == true)
    }
}

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

    @Test(arguments: ["model.bin", "labels.txt", "golden/00.png"])
    func oneChangedByteShows(file: String) throws {
        let folder = try ArtifactFolder()
        let path = folder.root.appendingPathComponent(file)
        var content = try Data(contentsOf: path)
        content[content.count - 1] ^= 1
        try content.write(to: path)
        #expect(whyNot(folder) == "\(file) was changed after it was certified")
    }

    @Test(arguments: ["model.bin", "labels.txt", "golden/00.png"])
    func missingFilesShow(file: String) throws {
        let folder = try ArtifactFolder()
        try FileManager.default.removeItem(at: folder.root.appendingPathComponent(file))
        #expect(whyNot(folder) == "\(file) is missing")
    }

    @Test func editedManifestsShow() throws {
        let folder = try ArtifactFolder()
        let path = folder.root.appendingPathComponent("manifest.json")
        let text = try String(contentsOf: path, encoding: .utf8)
        try text.replacingOccurrences(of: "1.5", with: "1.25").write(
            to: path, atomically: true, encoding: .utf8)
        #expect(whyNot(folder) == "the manifest was changed after it was certified")
        try "{\"schema_version\": 4".write(to: path, atomically: true, encoding: .utf8)
        #expect(whyNot(folder) == "the manifest is not JSON")
        try FileManager.default.removeItem(at: path)
        #expect(whyNot(folder) == "it has no manifest.json")
    }

    @Test func otherVersionsSayWhatToDo() throws {
        let newer = try ArtifactFolder { $0["schema_version"] = 5 }
        #expect(whyNot(newer) == "manifest schema 5 is not 4: update the app")
        let older = try ArtifactFolder { $0["schema_version"] = 3 }
        #expect(whyNot(older) == "manifest schema 3 is not 4: convert the model again")
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
                "the manifest is damaged: task 'detect' is not one of classify, features",
                { $0["task"] = "detect" }
            ),
            ("the manifest is damaged: it has no outputs", { $0["outputs"] = [Any]() }),
            (
                "the manifest is damaged: an output has no shape",
                { $0["outputs"] = [["name": "logits", "shape": [1, 0], "dtype": "float32"]] }
            ),
            (
                "the manifest is damaged: a classifier has labels",
                { $0["labels_sha256"] = NSNull() }
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

    static let labels: [(String, [String]?)] = [
        ("cat\n\n", ["cat", ""]), ("\ndog", ["", "dog"]), ("cat\r\ndog\r\n", ["cat", "dog"]),
        ("cat\ndog\nowl\n", nil), ("cat", nil), ("", nil),
    ]

    @Test(arguments: ArtifactTests.labels)
    func labelsAreOneAClass(text: String, labels: [String]?) throws {
        let folder = try ArtifactFolder()
        let data = Data(text.utf8)
        try data.write(to: folder.root.appendingPathComponent("labels.txt"))
        try folder.write { $0["labels_sha256"] = sha256(data) }
        #expect(folder.opened().artifacts[0].artifact?.labels == labels)
        if labels == nil {
            #expect(whyNot(folder)?.hasSuffix("for 2 classes") == true)
        }
    }

    @Test func foreignAndDamagedOnesBreakNothingElse() throws {
        let folder = try ArtifactFolder()
        let seal = folder.manifest["manifest_sha256"] as! String
        let entries = [
            ["folder": "../outside", "manifest_sha256": seal],
            ["folder": "gone", "manifest_sha256": seal],
            ["folder": folder.name, "manifest_sha256": seal],
            ["folder": folder.name, "manifest_sha256": String(repeating: "0", count: 64)],
        ]
        try JSONSerialization.data(withJSONObject: ["schema_version": 1, "artifacts": entries])
            .write(to: folder.library.appendingPathComponent("index.json"))
        let library = folder.opened()
        #expect(library.problem == nil)
        #expect(
            library.artifacts.map(\.whyNot) == [
                "its name leaves the artifacts folder", "it has no manifest.json", nil,
                "it is not the one that was embedded; run slide-mobile embed again",
            ])
        let refused = folder.opened { "no runtime for \($0.target)" }
        #expect(refused.artifacts[2].whyNot == "no runtime for test")
    }

    @Test func noIndexIsAProblemAndNoCrash() throws {
        let folder = try ArtifactFolder()
        let index = folder.library.appendingPathComponent("index.json")
        try Data("{".utf8).write(to: index)
        #expect(folder.opened().problem?.contains("index.json is damaged") == true)
        try FileManager.default.removeItem(at: index)
        #expect(folder.opened().problem?.contains("slide-mobile embed") == true)
    }
}

import Foundation

@testable import SlideCore

/// A whole artifact folder in a temporary place, sealed as slide_mobile seals it; tests damage it.
final class ArtifactFolder {
    let library = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    let name: String
    var root: URL { library.appendingPathComponent(name) }
    private(set) var manifest: [String: Any]

    /// 2 x 2 pixels, black, blue, green and white: written by Pillow, `Image.save`.
    static let png = Data(
        base64Encoded:
            "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAFklEQVR4nGNgYGBgYPjPwvCf4T8DAwAQGgMCBb8jUAAAAABJRU5ErkJggg=="
    )!

    init(name: String = "demo-test-fp32", changing change: (inout [String: Any]) -> Void = { _ in })
        throws
    {
        self.name = name
        manifest = [:]
        try FileManager.default.createDirectory(
            at: root.appendingPathComponent("golden"), withIntermediateDirectories: true)
        let files = [
            "model.bin": Data("weights".utf8), "labels.txt": Data("cat\ndog\n".utf8),
            "golden/00.png": Self.png,
        ]
        for (file, content) in files { try content.write(to: root.appendingPathComponent(file)) }
        manifest = [
            "schema_version": 4, "task": "classify", "target": "test", "precision": "fp32",
            "backend": "none", "via": "none", "file": "model.bin",
            "file_sha256": sha256(files["model.bin"]!), "size_bytes": 7,
            "labels_sha256": sha256(files["labels.txt"]!),
            "model": ["name": "demo", "num_classes": 2, "params": 3, "macs": 4, "trained": true],
            "input": [
                "name": "image", "shape": [1, 3, 2, 2], "layout": "NCHW", "dtype": "float32",
            ],
            "outputs": [["name": "logits", "shape": [1, 2], "dtype": "float32"]],
            "graph": ["partitions": 1, "delegated_ops": 2, "total_ops": 3],
            "parity": ["sqnr_db": 120.5, "min_sqnr_db": 90, "samples": 8],
            "golden": [
                [
                    "file": "golden/00.png", "sha256": sha256(Self.png), "label": "cat",
                    "logits": [1.5, -0.5],
                ]
            ],
            "notes": [], "created": "2026-01-01T00:00:00+00:00",
        ]
        try write(change)
    }

    /// Rewrites manifest.json, sealed, and the index.
    func write(_ change: (inout [String: Any]) -> Void = { _ in }) throws {
        change(&manifest)
        manifest["manifest_sha256"] = nil
        let unsealed = try JSONSerialization.data(withJSONObject: manifest)
        let seal = Manifest.seal(try JSONText(unsealed))
        manifest["manifest_sha256"] = seal
        let json = try JSONSerialization.data(withJSONObject: manifest)
        try json.write(to: root.appendingPathComponent("manifest.json"))
        let entry = ["folder": name, "manifest_sha256": seal]
        try JSONSerialization.data(withJSONObject: ["schema_version": 1, "artifacts": [entry]])
            .write(to: library.appendingPathComponent("index.json"))
    }

    func opened(refusal: (Manifest) -> String? = { _ in nil }) -> ArtifactLibrary {
        ArtifactLibrary(root: library, refusal: refusal)
    }
}

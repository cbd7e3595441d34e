import Foundation

@testable import SlideCore

/// A whole artifact folder in a temporary place, with its index; tests damage it.
final class ArtifactFolder {
    let library = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    let name: String
    var root: URL { library.appendingPathComponent(name) }
    private(set) var manifest: [String: Any]

    /// 2 x 2 pixels: black, blue, green and white.
    static let pixels: [UInt8] = [0, 0, 0, 0, 0, 255, 0, 255, 0, 255, 255, 255]
    static let ppm = Data("P6\n2 2\n255\n".utf8) + Data(pixels)

    init(name: String = "demo-test-fp32", changing change: (inout [String: Any]) -> Void = { _ in })
        throws
    {
        self.name = name
        manifest = [:]
        let files = [
            "model.bin": Data("weights".utf8), "labels.txt": Data("cat\ndog\n".utf8),
            "golden/00.ppm": Self.ppm,
        ]
        for (file, content) in files { try write(file, content) }
        manifest = [
            "schema_version": 5, "task": "classify", "target": "test", "precision": "fp32",
            "backend": "none", "via": "none", "file": "model.bin", "size_bytes": 7,
            "files": files.mapValues { sha256($0) },
            "model": ["name": "demo", "num_classes": 2, "params": 3, "macs": 4, "trained": true],
            "input": [
                "name": "image", "shape": [1, 3, 2, 2], "layout": "NCHW", "dtype": "float32",
            ],
            "outputs": [["name": "logits", "shape": [1, 2], "dtype": "float32"]],
            "graph": ["partitions": 1, "delegated_ops": 2, "total_ops": 3],
            "parity": ["sqnr_db": 120.5, "min_sqnr_db": 90, "samples": 8],
            "golden": [["file": "golden/00.ppm", "label": "cat", "logits": [1.5, -0.5]]],
            "notes": [], "created": "2026-01-01T00:00:00+00:00",
        ]
        try write(change)
    }

    /// Changes the manifest, and writes it and the index.
    func write(_ change: (inout [String: Any]) -> Void = { _ in }) throws {
        change(&manifest)
        try write(manifest: JSONSerialization.data(withJSONObject: manifest))
    }

    /// Writes these bytes as the manifest, and an index that lists their digest.
    func write(manifest json: Data) throws {
        try write("manifest.json", json)
        try write(index: [["folder": name, "manifest_sha256": sha256(json)]])
    }

    func write(index entries: [[String: String]]) throws {
        let index: [String: Any] = ["schema_version": 2, "artifacts": entries]
        try JSONSerialization.data(withJSONObject: index)
            .write(to: library.appendingPathComponent("index.json"))
    }

    /// Writes a file of the artifact; the manifest stays as it is.
    func write(_ file: String, _ content: Data) throws {
        let url = root.appendingPathComponent(file)
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try content.write(to: url)
    }

    /// The digest of manifest.json.
    var manifestSHA256: String {
        get throws { sha256(try Data(contentsOf: root.appendingPathComponent("manifest.json"))) }
    }

    func opened(refusal: (Manifest) -> String? = { _ in nil }) -> ArtifactLibrary {
        ArtifactLibrary(root: library, refusal: refusal)
    }
}

import Foundation

/// An artifact folder whose files are the ones that were certified.
public struct Artifact: Sendable {
    public let root: URL
    public let manifest: Manifest
    public let labels: [String]  // in the order of the logits; none without classes

    public var folder: String { root.lastPathComponent }
    public var modelURL: URL { root.appendingPathComponent(manifest.file) }
    /// Whether there are logits to compare with; feature maps are compared on the host only.
    public var hasLogits: Bool {
        !manifest.golden.isEmpty && manifest.golden.allSatisfy { $0.logits != nil }
    }

    /// Opens and verifies a folder; throws `NotUsable` for one that is damaged.
    public init(root: URL) throws {
        self.root = root
        guard let json = try? Data(contentsOf: root.appendingPathComponent("manifest.json")) else {
            throw NotUsable("it has no manifest.json")
        }
        manifest = try Manifest(json: json)
        try Self.verify(manifest.file, manifest.fileSHA256, in: root)
        for golden in manifest.golden { try Self.verify(golden.file, golden.sha256, in: root) }
        guard let expected = manifest.labelsSHA256 else {
            labels = []
            return
        }
        try Self.verify("labels.txt", expected, in: root)
        let text = try String(
            contentsOf: root.appendingPathComponent("labels.txt"), encoding: .utf8)
        labels = Self.lines(text)
        if manifest.isClassifier && labels.count != manifest.model.numClasses {
            throw NotUsable(
                "labels.txt has \(labels.count) lines for \(manifest.model.numClasses) classes")
        }
    }

    /// An empty line is a label, too: the others keep their places.
    private static func lines(_ text: String) -> [String] {
        let ends: Set<Character> = ["\n", "\r\n", "\r"]
        var lines = text.split(omittingEmptySubsequences: false) { ends.contains($0) }
        if lines.last == "" { lines.removeLast() }
        return lines.map(String.init)
    }

    private static func verify(_ name: String, _ expected: String, in root: URL) throws {
        guard let found = try? sha256(ofItemAt: root.appendingPathComponent(name)) else {
            throw NotUsable("\(name) is missing")
        }
        guard found == expected else {
            throw NotUsable("\(name) was changed after it was certified")
        }
    }
}

/// One line of the app's list: an artifact, or the reason why it is none.
public struct EmbeddedArtifact: Identifiable, Sendable {
    public let folder: String
    public let outcome: Result<Artifact, NotUsable>
    public var id: String { folder }

    public var artifact: Artifact? { try? outcome.get() }
    public var whyNot: String? {
        if case .failure(let why) = outcome { return why.description }
        return nil
    }
}

/// The app's artifacts folder, as `slide-mobile embed` lays it out: index.json and folders.
public struct ArtifactLibrary: Sendable {
    public let artifacts: [EmbeddedArtifact]
    /// Why there is no list at all.
    public let problem: String?

    private struct Index: Decodable {
        struct Entry: Decodable {
            let folder: String
            let manifestSha256: String
        }
        let schemaVersion: Int
        let artifacts: [Entry]
    }

    /// Reads the folder. Nothing is thrown: what is damaged says so in its own line. `refusal` says
    /// why this app cannot run an artifact, nil if it can.
    public init(root: URL, refusal: (Manifest) -> String?) {
        let path = root.appendingPathComponent("index.json")
        guard let json = try? Data(contentsOf: path) else {
            (artifacts, problem) = ([], "no artifacts are embedded; run slide-mobile embed")
            return
        }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        guard let index = try? decoder.decode(Index.self, from: json), index.schemaVersion == 1
        else {
            artifacts = []
            problem = "index.json is damaged or of another version; run slide-mobile embed"
            return
        }
        problem = nil
        artifacts = index.artifacts.map { entry in
            EmbeddedArtifact(
                folder: entry.folder,
                outcome: Result { try Self.open(entry, in: root, refusal) }.mapError {
                    $0 as? NotUsable ?? NotUsable($0.localizedDescription)
                })
        }
    }

    private static func open(
        _ entry: Index.Entry, in root: URL, _ refusal: (Manifest) -> String?
    ) throws -> Artifact {
        guard !entry.folder.isEmpty, !entry.folder.contains("/"), !entry.folder.hasPrefix(".")
        else {
            throw NotUsable("its name leaves the artifacts folder")
        }
        let artifact = try Artifact(root: root.appendingPathComponent(entry.folder))
        guard artifact.manifest.sha256 == entry.manifestSha256 else {
            throw NotUsable("it is not the one that was embedded; run slide-mobile embed again")
        }
        if let why = refusal(artifact.manifest) { throw NotUsable(why) }
        return artifact
    }
}

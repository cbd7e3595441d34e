import Foundation

/// An artifact folder whose files have the digests that its manifest lists.
public struct Artifact: Sendable {
    public let root: URL
    public let manifest: Manifest
    public let manifestSHA256: String  // of the bytes of manifest.json
    public let labels: [String]  // in the order of the logits; none without classes
    public let provenance: Provenance  // who signed it

    public var folder: String { root.lastPathComponent }
    public var modelURL: URL { root.appendingPathComponent(manifest.file) }
    /// Whether there are logits to compare with; feature maps are compared on the host only.
    public var hasLogits: Bool { manifest.golden.allSatisfy { $0.logits != nil } }

    /// Opens and verifies a folder; throws `NotUsable` for one that is damaged. `manifestSHA256` is
    /// what the index says of manifest.json: nothing in it is trusted before its bytes agree. A
    /// signature that none of the keys made is refused.
    public init(root: URL, manifestSHA256: String, keys: TrustedKeys = .none) throws {
        self.root = root
        self.manifestSHA256 = manifestSHA256
        guard let json = try? Data(contentsOf: root.appendingPathComponent("manifest.json")) else {
            throw NotUsable("manifest.json is missing")
        }
        guard sha256(json) == manifestSHA256 else {
            throw NotUsable(
                "its manifest is not the one that was embedded: run slide-mobile embed again")
        }
        manifest = try Manifest(json: json)
        for (path, digest) in manifest.files.sorted(by: { $0.key < $1.key }) {
            try Self.verify(path, digest, in: root)
        }
        try Self.requireNothingElse(of: manifest, in: root)
        labels = manifest.isClassifier ? try Self.labels(in: root) : []
        if manifest.isClassifier, let classes = manifest.model.numClasses, labels.count != classes {
            throw NotUsable("labels.txt has \(labels.count) lines for \(classes) classes")
        }
        let known = manifest.files.merging(["manifest.json": manifestSHA256]) { $1 }
        provenance = try keys.vouch(for: root, known: known)
    }

    /// The pixels of a golden image, which has the size of the input.
    public func golden(_ index: Int) throws -> Raster {
        let file = root.appendingPathComponent(manifest.golden[index].file)
        return try Raster(
            ppm: Data(contentsOf: file), height: manifest.input.height, width: manifest.input.width)
    }

    /// An empty line is a label, too: the others keep their places.
    private static func labels(in root: URL) throws -> [String] {
        let text = try String(
            contentsOf: root.appendingPathComponent("labels.txt"), encoding: .utf8)
        let ends: Set<Character> = ["\n", "\r\n", "\r"]
        var lines = text.split(omittingEmptySubsequences: false) { ends.contains($0) }
        if lines.last == "" { lines.removeLast() }
        return lines.map(String.init)
    }

    private static func verify(_ path: String, _ digest: String, in root: URL) throws {
        let url = root.appendingPathComponent(path)
        guard let data = try? Data(contentsOf: url, options: .mappedIfSafe) else {
            throw NotUsable("\(path) is missing")
        }
        guard sha256(data) == digest else {
            throw NotUsable("\(path) was changed after it was certified")
        }
    }

    /// Core ML reads what lies in a package, listed or not. A link counts as a file.
    private static func requireNothingElse(of manifest: Manifest, in root: URL) throws {
        let model = root.appendingPathComponent(manifest.file).path
        for name in FileManager.default.enumerator(atPath: model)?.allObjects ?? [] {
            let path = "\(manifest.file)/\(name)"
            let attributes = try FileManager.default.attributesOfItem(atPath: "\(model)/\(name)")
            let isFolder = attributes[.type] as? FileAttributeType == .typeDirectory
            if !isFolder && manifest.files[path] == nil {
                throw NotUsable("\(path) is not in the manifest")
            }
        }
    }
}

/// One line of the app's list: an artifact, or the reason why it is none.
public struct EmbeddedArtifact: Identifiable, Sendable {
    public let folder: String
    public let outcome: Result<Artifact, NotUsable>

    public init(folder: String, outcome: Result<Artifact, NotUsable>) {
        self.folder = folder
        self.outcome = outcome
    }

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
    /// Why there is no list at all; nil if there is one.
    public let problem: String?

    /// The same list with more; an artifact takes the place of an embedded one of its name.
    public func adding(_ more: [EmbeddedArtifact]) -> ArtifactLibrary {
        let replaced = Set(more.filter { $0.artifact != nil }.map(\.folder))
        let left = artifacts.filter { !replaced.contains($0.folder) }
        return ArtifactLibrary(artifacts: left + more, problem: more.isEmpty ? problem : nil)
    }

    private init(artifacts: [EmbeddedArtifact], problem: String?) {
        self.artifacts = artifacts
        self.problem = problem
    }

    /// As slide_mobile/artifact/index.py writes it.
    struct Index: Decodable {
        static let supportedVersion = 2

        struct Entry: Decodable {
            let folder: String
            let manifestSha256: String
        }
        struct Version: Decodable { let schemaVersion: Int }

        let artifacts: [Entry]

        /// Reads the bytes of index.json; throws `NotUsable`.
        static func entries(_ json: Data) throws -> [Entry] {
            let name = "index.json"
            let decoder = JSONDecoder()
            decoder.keyDecodingStrategy = .convertFromSnakeCase
            let version = try decoded(Version.self, from: json, name: name, by: decoder)
                .schemaVersion
            guard version == supportedVersion else {
                throw NotUsable("\(name) has schema \(version), this app reads \(supportedVersion)")
            }
            return try decoded(Index.self, from: json, name: name, by: decoder).artifacts
        }
    }

    /// Reads the folder and never throws: a damaged artifact is a line that says why. `refusal`
    /// gives the reason why this app cannot run an artifact, nil if it can.
    public init(root: URL, refusal: (Manifest) -> String?) {
        let path = root.appendingPathComponent("index.json")
        guard let json = try? Data(contentsOf: path) else {
            (artifacts, problem) = ([], "no artifacts are embedded; run slide-mobile embed")
            return
        }
        let (entries, keys): ([Index.Entry], TrustedKeys)
        do {
            (entries, keys) = try (Index.entries(json), TrustedKeys(beside: root))
        } catch {
            (artifacts, problem) = ([], "\(error); run slide-mobile embed")
            return
        }
        problem = nil
        artifacts = entries.map { entry in
            EmbeddedArtifact(
                folder: entry.folder,
                outcome: Result { try Self.open(entry, in: root, keys, refusal) }.mapError {
                    $0 as? NotUsable ?? NotUsable($0.localizedDescription)
                })
        }
    }

    private static func open(
        _ entry: Index.Entry, in root: URL, _ keys: TrustedKeys,
        _ refusal: (Manifest) -> String?
    ) throws -> Artifact {
        guard !entry.folder.isEmpty, !entry.folder.contains("/"), !entry.folder.hasPrefix(".")
        else {
            throw NotUsable("its name leaves the artifacts folder")
        }
        let artifact = try Artifact(
            root: root.appendingPathComponent(entry.folder), manifestSHA256: entry.manifestSha256,
            keys: keys)
        if let why = refusal(artifact.manifest) { throw NotUsable(why) }
        return artifact
    }
}

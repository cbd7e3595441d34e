import Foundation

/// A model that came to the phone after the app was built.
public struct StoredModel: Equatable, Sendable {
    public let name: String
    public let manifestSHA256: String
}

/// Why a model is not, or no longer, promoted.
public struct RefusedModel: Equatable, Sendable {
    public let name: String
    public let why: String

    public init(name: String, why: String) {
        self.name = name
        self.why = why
    }
}

/// Models that are brought to the app: taken in, verified, proved on this phone, and promoted; or
/// rejected, and the last good one stays. `NAME/SHA256/NAME` is an artifact, and `NAME/promoted` has
/// the digests of the promoted one and of the one before it, a line each. `NAME/proving` has the
/// digest of one that is being proved: if it is there at the next start, that ended the app.
public struct ModelStore: Sendable {
    /// Runs a model's parity capsule.
    public typealias Proof = (Artifact) async throws -> [ImageVerdict]

    public let root: URL
    private let keys: TrustedKeys
    // As in slide_mobile/artifact/folder.py: what made the file, and what the labs found.
    private static let signed = ["bom.cdx.json", "lab.json", ModelSignature.file]
    private static let kept = 2
    private static let mostManifestBytes = 1 << 25

    public init(root: URL, keys: TrustedKeys = .none) {
        self.root = root
        self.keys = keys
    }

    /// Copies the artifact in a folder, with the files that its manifest lists, its signature and
    /// what that signs besides, and verifies the copy; throws `NotUsable`. It is not promoted yet.
    public func takeIn(_ folder: URL) throws -> StoredModel {
        let name = folder.lastPathComponent
        guard Self.isName(name) else { throw NotUsable("'\(name)' is not the name of a folder") }
        let json = folder.appendingPathComponent("manifest.json")
        guard let bytes = try? Data(contentsOf: json, options: .mappedIfSafe) else {
            throw NotUsable("manifest.json is missing")
        }
        guard bytes.count <= Self.mostManifestBytes else {
            throw NotUsable("manifest.json is too large")
        }
        let model = StoredModel(name: name, manifestSHA256: sha256(bytes))
        let manifest = try Manifest(json: bytes)
        let files = FileManager.default
        let aside = root.appendingPathComponent(".incomplete")
        try? files.removeItem(at: aside)
        defer { try? files.removeItem(at: aside) }
        let copy = aside.appendingPathComponent(name)
        let listed = manifest.files.keys.sorted() + ["manifest.json"]
        for file in listed + Self.signedFiles(of: folder) {
            try Self.copy(file, from: folder, to: copy)
        }
        _ = try Artifact(root: copy, manifestSHA256: model.manifestSHA256, keys: keys)
        let target = place(model).deletingLastPathComponent()
        try? files.removeItem(at: target)
        try files.createDirectory(
            at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
        try files.moveItem(at: aside, to: target)
        return model
    }

    /// Every file of it is verified again; throws `NotUsable`.
    public func open(_ model: StoredModel) throws -> Artifact {
        try Artifact(root: place(model), manifestSHA256: model.manifestSHA256, keys: keys)
    }

    /// The promoted model of each name whose files are whole: else the one before it.
    public func promoted() -> [StoredModel] {
        names().compactMap { name in history(name).first { (try? open($0)) != nil } }
    }

    /// Runs the parity capsule of a model that was taken in. It is promoted if every image passes;
    /// else it is removed, its name keeps the last good one, and the reason is thrown.
    public func prove(_ model: StoredModel, by prove: Proof) async throws {
        let underway = root.appendingPathComponent(model.name).appendingPathComponent("proving")
        try Data(model.manifestSHA256.utf8).write(to: underway)
        defer { try? FileManager.default.removeItem(at: underway) }
        let why: String?
        do {
            let verdicts = try await prove(open(model))
            let missed = verdicts.filter { !$0.passed }.count
            why =
                missed == 0
                ? nil : "\(missed) of \(verdicts.count) golden images are under the floor"
        } catch {
            why = error.localizedDescription
        }
        guard let why else { return try promote(model) }
        remove(model)
        throw NotUsable("\(model.name) is not promoted: \(why)")
    }

    /// To be called at each start: removes a model whose proof ended the app, and after an update of
    /// the system proves what was promoted again. Returns why a model is no longer there.
    public func recover(osBuild: String, by prove: Proof) async -> [RefusedModel] {
        let crashed = names().compactMap(crashed)
        let build = root.appendingPathComponent("proved-on")
        if (try? String(contentsOf: build, encoding: .utf8)) == osBuild { return crashed }
        var failed: [RefusedModel] = []
        for name in names() { failed += await provedAgain(name, by: prove) }
        try? FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
        try? Data(osBuild.utf8).write(to: build, options: .atomic)
        return crashed + failed
    }

    private func crashed(_ name: String) -> RefusedModel? {
        let underway = root.appendingPathComponent(name).appendingPathComponent("proving")
        guard let sha256 = try? String(contentsOf: underway, encoding: .utf8) else { return nil }
        remove(StoredModel(name: name, manifestSHA256: sha256))
        try? FileManager.default.removeItem(at: underway)
        return RefusedModel(name: name, why: "\(name) is not promoted: it ended the app")
    }

    /// Until one passes: the promoted model, and then the one before it.
    private func provedAgain(_ name: String, by prove: Proof) async -> [RefusedModel] {
        var refused: [RefusedModel] = []
        while let model = promoted().first(where: { $0.name == name }) {
            do {
                try await self.prove(model, by: prove)
                break
            } catch {
                refused.append(RefusedModel(name: name, why: error.localizedDescription))
            }
        }
        return refused
    }

    /// Takes a model back, which no longer computes what it did; the one before it is promoted.
    public func rollBack(_ model: StoredModel) -> StoredModel? {
        remove(model)
        return promoted().first { $0.name == model.name }
    }

    private func promote(_ model: StoredModel) throws {
        let all = [model] + history(model.name).filter { $0 != model }
        let kept = Array(all.prefix(Self.kept))
        try write(model.name, kept)
        let folder = root.appendingPathComponent(model.name)
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? [] {
            let isKept = name == "promoted" || kept.contains { $0.manifestSHA256 == name }
            if !isKept {
                try? FileManager.default.removeItem(at: folder.appendingPathComponent(name))
            }
        }
    }

    private func remove(_ model: StoredModel) {
        try? write(model.name, history(model.name).filter { $0 != model })
        try? FileManager.default.removeItem(at: place(model).deletingLastPathComponent())
    }

    private func names() -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: root.path)) ?? [])
            .filter(Self.isName).sorted()
    }

    private func history(_ name: String) -> [StoredModel] {
        let file = root.appendingPathComponent(name).appendingPathComponent("promoted")
        guard let text = try? String(contentsOf: file, encoding: .utf8) else { return [] }
        return text.split(separator: "\n").map(String.init)
            .filter { $0.wholeMatch(of: /[0-9a-f]{64}/) != nil }
            .map { StoredModel(name: name, manifestSHA256: $0) }
    }

    private func write(_ name: String, _ models: [StoredModel]) throws {
        let file = root.appendingPathComponent(name).appendingPathComponent("promoted")
        let text = models.map { "\($0.manifestSHA256)\n" }.joined()
        try Data(text.utf8).write(to: file, options: .atomic)
    }

    /// The folder is named as the artifact is.
    private func place(_ model: StoredModel) -> URL {
        root.appendingPathComponent(model.name).appendingPathComponent(model.manifestSHA256)
            .appendingPathComponent(model.name)
    }

    private static func signedFiles(of folder: URL) -> [String] {
        let there = signed.filter {
            FileManager.default.fileExists(atPath: folder.appendingPathComponent($0).path)
        }
        return there.contains(ModelSignature.file) ? there : []
    }

    private static func isName(_ name: String) -> Bool {
        name.wholeMatch(of: /[A-Za-z0-9][A-Za-z0-9_.+\-]*/) != nil
    }

    private static func copy(_ file: String, from: URL, to: URL) throws {
        let (source, target) = (from.appendingPathComponent(file), to.appendingPathComponent(file))
        let files = FileManager.default
        let attributes = try? files.attributesOfItem(atPath: source.path)
        guard attributes?[.type] as? FileAttributeType == .typeRegular else {
            throw NotUsable("\(file) is missing")
        }
        try files.createDirectory(
            at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
        try files.copyItem(at: source, to: target)
    }
}

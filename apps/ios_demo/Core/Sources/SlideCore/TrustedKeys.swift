import Foundation

/// Who vouches for an artifact that can be used. One whose signature is wrong cannot.
public enum Provenance: Equatable, Sendable {
    /// The owner of a trusted key, with this fingerprint, signed exactly these files.
    case authentic(key: String)
    case unsigned
    /// There is a signature, and the app trusts no key: nobody knows whose it is.
    case unchecked
}

/// The keys that an app trusts; `slide-mobile embed --require-signature` puts them beside the index.
public struct TrustedKeys: Sendable {
    /// Beside index.json: public keys in PEM, one after the other.
    public static let file = "trusted.pem"
    public static let none = TrustedKeys(keys: [])

    private let keys: [PublicKey]

    private init(keys: [PublicKey]) { self.keys = keys }

    /// The keys in the folder with the index, none if it has no file of them; throws `NotUsable`.
    public init(beside index: URL) throws {
        let path = index.appendingPathComponent(Self.file)
        guard FileManager.default.fileExists(atPath: path.path) else {
            self = .none
            return
        }
        try self.init(pem: String(contentsOf: path, encoding: .utf8))
    }

    /// Reads public keys in PEM: P-256, P-384 or P-521; throws `NotUsable` for any other.
    public init(pem: String) throws {
        let block = /-----BEGIN PUBLIC KEY-----([^-]+)-----END PUBLIC KEY-----/
        keys = try pem.matches(of: block).map { try PublicKey(base64: String($0.output.1)) }
        guard !keys.isEmpty else { throw NotUsable("\(Self.file) has no public key in PEM") }
    }

    /// Checks the signature of a folder, which must list every other file in it. `known` are
    /// digests of files that were verified already, by name. Throws `NotUsable` if it is forged.
    public func vouch(for folder: URL, known: [String: String] = [:]) throws -> Provenance {
        let file = folder.appendingPathComponent(ModelSignature.file)
        guard FileManager.default.fileExists(atPath: file.path) else { return .unsigned }
        guard !keys.isEmpty else { return .unchecked }
        do {
            let signature = try ModelSignature(file: file)
            let signer = try signer(of: signature)
            try requireExactly(signature.files(), in: folder, known)
            return .authentic(key: signer.fingerprint)
        } catch let error as Forged {
            throw NotUsable("forged: \(error.why)")
        }
    }

    private func signer(of signature: ModelSignature) throws -> PublicKey {
        let signer = keys.first { $0.hasSigned(signature.message, as: signature.bytes) }
        if let signer { return signer }
        let isKnown = keys.contains { $0.fingerprint == signature.keyHint }
        throw Forged(
            isKnown
                ? "the signature was changed after it was made"
                : "the signature was made with another key")
    }

    private func requireExactly(
        _ signed: [String: String], in folder: URL, _ known: [String: String]
    ) throws {
        let there = try Self.files(in: folder)
        if let added = there.subtracting(signed.keys).min() { throw Forged("\(added) was added") }
        if let missing = Set(signed.keys).subtracting(there).min() {
            throw Forged("\(missing) is missing")
        }
        for (name, digest) in signed.sorted(by: { $0.key < $1.key }) {
            let url = folder.appendingPathComponent(name)
            let found =
                known[name] ?? (try? Data(contentsOf: url, options: .mappedIfSafe)).map(sha256)
            guard found == digest else { throw Forged("\(name) was changed") }
        }
    }

    /// Everything in a folder that is not a folder, but its signature. A link counts as a file.
    private static func files(in folder: URL) throws -> Set<String> {
        let names = FileManager.default.enumerator(atPath: folder.path)?.allObjects ?? []
        let files = try names.map { "\($0)" }.filter { name in
            let path = folder.appendingPathComponent(name).path
            let type = try FileManager.default.attributesOfItem(atPath: path)[.type]
            return type as? FileAttributeType != .typeDirectory && name != ModelSignature.file
        }
        return Set(files)
    }
}

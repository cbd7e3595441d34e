import Foundation

/// Why a signature does not vouch for its folder.
struct Forged: Error {
    let why: String
    init(_ why: String) { self.why = why }
}

/// `model.sig`, as OpenSSF Model Signing 1.1 writes it: a Sigstore bundle with a DSSE envelope,
/// whose in-toto statement lists the sha256 of every other file of the folder.
struct ModelSignature {
    static let file = "model.sig"
    private static let mostBytes = 1 << 23  // lists 10,000 files
    private static let payloadType = "application/vnd.in-toto+json"

    /// They sign `message`.
    let bytes: Data
    /// Which key did; it proves nothing.
    let keyHint: String?
    private let payload: Data

    /// Reads a file of at most 8 MiB; throws `Forged`.
    init(file: URL) throws {
        let attributes = try? FileManager.default.attributesOfItem(atPath: file.path)
        let isFile = attributes?[.type] as? FileAttributeType == .typeRegular
        guard isFile, let size = attributes?[.size] as? Int, size <= Self.mostBytes,
            let json = try? Data(contentsOf: file),
            let bundle = try? decoded(Bundle.self, from: json, name: Self.file)
        else { throw Forged("the signature is damaged") }
        let envelope = bundle.dsseEnvelope
        guard envelope.payloadType == Self.payloadType, envelope.signatures.count == 1 else {
            throw Forged("the signature is of a kind that this app does not know")
        }
        guard let bytes = Data(base64Encoded: envelope.signatures[0].sig),
            let payload = Data(base64Encoded: envelope.payload)
        else { throw Forged("the signature is damaged") }
        self.bytes = bytes
        self.payload = payload
        keyHint = bundle.verificationMaterial.publicKey.hint
    }

    /// What was signed: DSSE's pre-authentication encoding of the payload.
    var message: Data {
        let head = "DSSEv1 \(Self.payloadType.utf8.count) \(Self.payloadType) \(payload.count) "
        return Data(head.utf8) + payload
    }

    /// The sha256 of each signed file, by name; call it once the signature is known to be good.
    /// Throws `Forged`.
    func files() throws -> [String: String] {
        guard let statement = try? decoded(Statement.self, from: payload, name: Self.file) else {
            throw Forged("the signature is damaged")
        }
        guard statement.isOurs else {
            throw Forged("the signature is of a kind that this app does not know")
        }
        let resources = statement.predicate.resources
        let pairs = resources.map { ($0.name, $0.digest) }
        let files = Dictionary(pairs, uniquingKeysWith: { first, _ in first })
        guard files.count == resources.count else {
            throw Forged("the signature lists a file twice")
        }
        return files
    }

    private struct Bundle: Decodable {
        struct Material: Decodable { let publicKey: Key }
        struct Key: Decodable { let hint: String? }
        struct Envelope: Decodable {
            let payload: String
            let payloadType: String
            let signatures: [Signature]
        }
        struct Signature: Decodable { let sig: String }

        let verificationMaterial: Material
        let dsseEnvelope: Envelope
    }

    private struct Statement: Decodable {
        struct Predicate: Decodable {
            let serialization: Serialization
            let resources: [Resource]
        }
        struct Serialization: Decodable {
            let method: String
            let hashType: String

            enum CodingKeys: String, CodingKey {
                case method
                case hashType = "hash_type"
            }
        }
        struct Resource: Decodable {
            let name: String
            let digest: String
        }

        let type: String
        let predicateType: String
        let predicate: Predicate

        enum CodingKeys: String, CodingKey {
            case type = "_type"
            case predicateType, predicate
        }

        var isOurs: Bool {
            type == "https://in-toto.io/Statement/v1"
                && predicateType == "https://model_signing/signature/v1.0"
                && predicate.serialization.method == "files"
                && predicate.serialization.hashType == "sha256"
        }
    }
}

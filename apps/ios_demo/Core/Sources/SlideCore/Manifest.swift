import Foundation

/// What is true of an artifact: the part of slide_mobile/manifest.schema.json that an app needs.
public struct Manifest: Decodable, Sendable {
    public static let supportedVersion = 4

    public let schemaVersion: Int
    public let sha256: String
    public let model: Model
    public let task: String
    public let target: String
    public let precision: String
    public let backend: String
    public let file: String
    public let fileSHA256: String
    public let sizeBytes: Int
    public let labelsSHA256: String?
    public let input: Input
    public let outputs: [Output]
    public let graph: Graph
    public let parity: CertifiedParity
    public let golden: [Golden]
    public let notes: [String]
    public let created: String

    public struct Model: Decodable, Sendable {
        public let name: String
        public let numClasses: Int
        public let params: Int
        public let macs: Int
        public let trained: Bool

        enum CodingKeys: String, CodingKey {
            case name
            case numClasses = "num_classes"
            case params, macs, trained
        }
    }

    public struct Input: Decodable, Sendable {
        public enum Layout: String, Decodable, Sendable {
            case nhwc = "NHWC"
            case nchw = "NCHW"
        }
        public enum Element: String, Decodable, Sendable { case float32, float16, uint8 }

        public let name: String
        public let shape: [Int]
        public let layout: Layout
        public let dtype: Element

        public var height: Int { layout == .nhwc ? shape[1] : shape[2] }
        public var width: Int { layout == .nhwc ? shape[2] : shape[3] }
    }

    public struct Output: Decodable, Sendable {
        public let name: String
        public let shape: [Int]
        public let dtype: String
    }

    public struct Graph: Decodable, Sendable {
        public let partitions: Int
        public let delegatedOps: Int
        public let totalOps: Int

        enum CodingKeys: String, CodingKey {
            case partitions
            case delegatedOps = "delegated_ops"
            case totalOps = "total_ops"
        }
    }

    public struct CertifiedParity: Decodable, Sendable {
        public let decibels: Double
        public let floor: Double
        public let samples: Int
        public let runtime: String?

        enum CodingKeys: String, CodingKey {
            case decibels = "sqnr_db"
            case floor = "min_sqnr_db"
            case samples, runtime
        }
    }

    public struct Golden: Decodable, Sendable {
        public let file: String
        public let sha256: String
        public let label: String?
        public let logits: [Double]?
    }

    enum CodingKeys: String, CodingKey {
        case schemaVersion = "schema_version"
        case sha256 = "manifest_sha256"
        case model, task, target, precision, backend, file
        case fileSHA256 = "file_sha256"
        case sizeBytes = "size_bytes"
        case labelsSHA256 = "labels_sha256"
        case input, outputs, graph, parity, golden, notes, created
    }

    public var isClassifier: Bool { task == "classify" }

    /// Of manifest.json's bytes; throws `NotUsable` for one that is damaged, edited or foreign.
    public init(json: Data) throws {
        guard let text = try? JSONText(json) else {
            throw NotUsable("the manifest is not JSON")
        }
        guard case .literal(let version)? = text["schema_version"], let version = Int(version)
        else {
            throw NotUsable("the manifest has no schema version")
        }
        guard version == Self.supportedVersion else {
            throw NotUsable(
                "manifest schema \(version) is not \(Self.supportedVersion): "
                    + (version > Self.supportedVersion
                        ? "update the app" : "convert the model again"))
        }
        guard text["manifest_sha256"] == .string(Self.seal(text)) else {
            throw NotUsable("the manifest was changed after it was certified")
        }
        do {
            self = try JSONDecoder().decode(Manifest.self, from: json)
        } catch {
            throw NotUsable("the manifest is damaged: \(Self.place(of: error))")
        }
        try requireConsistent()
    }

    /// sha256 of everything but itself, as `artifact.seal` of slide_mobile writes it.
    static func seal(_ text: JSONText) -> String {
        SlideCore.sha256(Data(text.without("manifest_sha256").canonical.utf8))
    }

    private func requireConsistent() throws {
        if let problem { throw NotUsable("the manifest is damaged: \(problem)") }
    }

    /// Pixels of the golden images, logits one a class: what indexing relies on. The same as on
    /// Android.
    private var problem: String? {
        let sides = 1...1 << 14
        guard input.shape.count == 4, input.shape.allSatisfy(sides.contains), input.shape[0] == 1,
            input.shape[input.layout == .nhwc ? 3 : 1] == 3
        else { return "its input is not one RGB image" }
        guard ["classify", "features"].contains(task) else {
            return "task '\(task)' is not one of classify, features"
        }
        // Names from a file become paths: none may leave its folder.
        guard file.wholeMatch(of: /model\.[a-z]+/) != nil,
            golden.allSatisfy({ $0.file.wholeMatch(of: /golden\/[0-9]+\.png/) != nil })
        else { return "a file is not named as an artifact's is" }
        guard !golden.isEmpty else { return "it has no golden images" }
        guard !outputs.isEmpty else { return "it has no outputs" }
        guard outputs.allSatisfy({ !$0.shape.isEmpty && $0.shape.allSatisfy { $0 > 0 } }) else {
            return "an output has no shape"
        }
        guard isClassifier else { return nil }
        guard labelsSHA256 != nil else { return "a classifier has labels" }
        guard model.numClasses > 0, golden.allSatisfy({ $0.logits?.count == model.numClasses })
        else { return "golden logits are not one a class" }
        return nil
    }

    private static func place(of error: Error) -> String {
        func path(_ context: DecodingError.Context, _ key: (any CodingKey)? = nil) -> String {
            (context.codingPath + (key.map { [$0] } ?? [])).map(\.stringValue).joined(
                separator: "/")
        }
        switch error {
        case DecodingError.keyNotFound(let key, let context):
            return "\(path(context, key)) is missing"
        case DecodingError.typeMismatch(_, let context),
            DecodingError.valueNotFound(_, let context),
            DecodingError.dataCorrupted(let context):
            return "\(path(context)) is of the wrong kind"
        default: return "it cannot be read"
        }
    }
}

/// Why an artifact cannot be used, in words for a person.
public struct NotUsable: Error, Equatable, CustomStringConvertible, LocalizedError {
    public let description: String
    public init(_ why: String) { description = why }
    public var errorDescription: String? { description }
}

import Foundation

/// What is true of an artifact: the part of slide_mobile/artifact/manifest.py that an app needs.
public struct Manifest: Decodable, Sendable {
    public static let supportedVersion = 5

    public let model: Model
    public let task: String
    public let target: String
    public let precision: String
    public let backend: String
    public let file: String  // the model: a file, or the folder of an .mlpackage
    public let files: [String: String]  // path inside the folder -> sha256 of its bytes
    public let sizeBytes: Int
    public let input: Input
    public let outputs: [Output]
    public let graph: Graph
    public let parity: CertifiedParity
    public let golden: [Golden]
    public let notes: [String]
    public let created: String

    public struct Model: Decodable, Sendable {
        public let name: String
        public let numClasses: Int?  // only of a classifier, or of one without its head
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
        /// The oldest release of its runtime that runs the file; nil if that is not known.
        public let minRuntime: String?

        enum CodingKeys: String, CodingKey {
            case partitions
            case delegatedOps = "delegated_ops"
            case totalOps = "total_ops"
            case minRuntime = "min_runtime"
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

    /// An image of the parity capsule, and the logits that PyTorch gave for it.
    public struct Golden: Decodable, Sendable {
        public let file: String
        public let label: String?
        public let logits: [Double]?
    }

    enum CodingKeys: String, CodingKey {
        case model, task, target, precision, backend, file, files
        case sizeBytes = "size_bytes"
        case input, outputs, graph, parity, golden, notes, created
    }

    public var isClassifier: Bool { task == "classify" }

    /// Whether the file, or the package, of the model is or holds the file at this path.
    func isOfModel(_ path: String) -> Bool { path == file || path.hasPrefix("\(file)/") }

    private struct Version: Decodable {
        let number: Int
        enum CodingKeys: String, CodingKey { case number = "schema_version" }
    }

    /// Reads the bytes of manifest.json; throws `NotUsable` for a manifest that is damaged, foreign
    /// or of another version.
    public init(json: Data) throws {
        let version = try decoded(Version.self, from: json, name: "the manifest").number
        guard version == Self.supportedVersion else {
            throw NotUsable(
                "manifest schema \(version) is not \(Self.supportedVersion): "
                    + (version > Self.supportedVersion
                        ? "update the app" : "convert the model again"))
        }
        self = try decoded(Manifest.self, from: json, name: "the manifest")
        if let problem { throw NotUsable("the manifest is damaged: \(problem)") }
    }

    /// What is wrong with its values, nil if nothing is. The Android app checks the same.
    private var problem: String? {
        problemOfTensors ?? problemOfFiles ?? (isClassifier ? problemOfClasses : nil)
    }

    private static let sides = 1...1 << 14
    private static let decibels = -200.0...200.0
    private static let mostElements = 1 << 26
    private static let mostGolden = 64

    private var problemOfTensors: String? {
        guard input.shape.count == 4, input.shape.allSatisfy(Self.sides.contains),
            input.shape[0] == 1, input.shape[input.layout == .nhwc ? 3 : 1] == 3,
            Self.isBounded(input.shape)
        else { return "its input is not one RGB image" }
        guard ["classify", "features", "own"].contains(task) else {
            return "task '\(task)' is not one of classify, features, own"
        }
        guard !outputs.isEmpty else { return "it has no outputs" }
        guard outputs.allSatisfy({ Self.isBounded($0.shape) }) else {
            return "an output has no shape"
        }
        guard Self.decibels.contains(parity.floor), Self.decibels.contains(parity.decibels) else {
            return "its decibels are not between -200 and 200"
        }
        return nil
    }

    /// Sizes of at least 1, and together few enough elements for one buffer.
    private static func isBounded(_ shape: [Int]) -> Bool {
        guard !shape.isEmpty, shape.allSatisfy({ (1...mostElements).contains($0) }) else {
            return false
        }
        return shape.reduce(1) { min($0 * $1, mostElements + 1) } <= mostElements
    }

    /// Whether a name from a file is a path that stays in its folder.
    static func isPath(_ name: String) -> Bool {
        name.wholeMatch(of: /[A-Za-z0-9_][A-Za-z0-9_.-]*(\/[A-Za-z0-9_][A-Za-z0-9_.-]*)*/) != nil
    }

    private var problemOfFiles: String? {
        guard file.wholeMatch(of: /model\.[a-z]+/) != nil, files.keys.allSatisfy(Self.isPath)
        else { return "a file is not named as an artifact's is" }
        guard files.values.allSatisfy({ $0.wholeMatch(of: /[0-9a-f]{64}/) != nil }) else {
            return "a file has no sha256"
        }
        guard files.keys.contains(where: isOfModel) else { return "\(file) has no sha256" }
        guard (1...Self.mostGolden).contains(golden.count) else {
            return golden.isEmpty ? "it has no golden images" : "it has too many golden images"
        }
        guard golden.allSatisfy({ files[$0.file] != nil }) else {
            return "a golden image has no sha256"
        }
        return nil
    }

    private var problemOfClasses: String? {
        guard files["labels.txt"] != nil else { return "a classifier has labels" }
        guard let classes = model.numClasses, classes > 0,
            golden.allSatisfy({ $0.logits?.count == classes }),
            golden.allSatisfy({ $0.logits?.allSatisfy(\.isFinite) ?? false })
        else { return "golden logits are not one a class" }
        return nil
    }
}

/// Why an artifact cannot be used, in words for a person.
public struct NotUsable: Error, Equatable, CustomStringConvertible, LocalizedError {
    public let description: String
    public init(_ why: String) { description = why }
    public var errorDescription: String? { description }
}

import Foundation

/// The vectors that Python, Swift and Kotlin share; see apps/conformance/README.md.
enum Conformance {
    static let root = URL(fileURLWithPath: #filePath)
        .appendingPathComponent("../../../../../conformance").standardized

    static func read<T: Decodable>(_ name: String, as type: T.Type) throws -> T {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(type, from: Data(contentsOf: root.appendingPathComponent(name)))
    }

    static func bytes(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: root.appendingPathComponent(name)))
    }
}

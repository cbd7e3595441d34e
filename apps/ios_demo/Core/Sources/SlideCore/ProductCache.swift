import Foundation

/// What a product of this device depends on: another file, system, device or runtime needs another.
public struct ProductKey: Equatable, Sendable {
    public var manifestSHA256: String
    public var osBuild: String
    public var device: String
    /// The runtime, and all that it was asked for.
    public var made: String

    public init(manifestSHA256: String, osBuild: String, device: String, made: String) {
        self.manifestSHA256 = manifestSHA256
        self.osBuild = osBuild
        self.device = device
        self.made = made
    }

    public var digest: String {
        sha256(Data([manifestSHA256, osBuild, device, made].joined(separator: "\n").utf8))
    }
}

/// What runtimes made of files, in a folder for each key. It survives a start; what was used least
/// lately goes if all take more than `mostBytes`, and what cannot be loaded is made anew.
public struct ProductCache: Sendable {
    public let root: URL
    public let mostBytes: Int
    private let suffix: String

    /// `suffix` is what the runtime asks a product's name to end in.
    public init(root: URL, mostBytes: Int, suffix: String = "") {
        self.root = root
        self.mostBytes = mostBytes
        self.suffix = suffix
    }

    public func url(_ key: ProductKey) -> URL {
        root.appendingPathComponent(key.digest + suffix)
    }

    public func has(_ key: ProductKey) -> Bool {
        FileManager.default.fileExists(atPath: url(key).path)
    }

    /// Moves a product to its place, whole or not at all. If another one came first, that one stays.
    public func keep(_ product: URL, as key: ProductKey) throws {
        let files = FileManager.default
        try files.createDirectory(at: root, withIntermediateDirectories: true)
        guard !has(key) else {
            try? files.removeItem(at: product)
            return
        }
        try files.moveItem(at: product, to: url(key))
        touch(key)
        evict(kept: key)
    }

    public func remove(_ key: ProductKey) { try? FileManager.default.removeItem(at: url(key)) }

    /// Notes that it was used.
    public func touch(_ key: ProductKey, now: Date = Date()) {
        try? FileManager.default.setAttributes(
            [.modificationDate: now], ofItemAtPath: url(key).path)
    }

    /// Removes what was used least lately, but never `kept`, until the rest fits.
    public func evict(kept: ProductKey? = nil) {
        let files = FileManager.default
        let names = (try? files.contentsOfDirectory(atPath: root.path)) ?? []
        let kept = kept.map { url($0).lastPathComponent }
        let dated = names.map { name -> (name: String, used: Date) in
            let path = root.appendingPathComponent(name).path
            let used = try? files.attributesOfItem(atPath: path)[.modificationDate] as? Date
            return (name, name == kept ? .distantFuture : used ?? .distantPast)
        }
        var total = 0
        for (name, _) in dated.sorted(by: { $0.used > $1.used }) {
            let product = root.appendingPathComponent(name)
            total += folderBytes(product) ?? 0
            if total > mostBytes, name != kept { try? files.removeItem(at: product) }
        }
    }
}

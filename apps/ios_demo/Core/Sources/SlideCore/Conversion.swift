/// What a runtime makes of a file on the device; the names are those of the shared document.
public enum Product: String, Codable, Sendable {
    case none
    case coreML = "core_ml"
    case xnnpack, delegate
}

/// What a runtime says of its own conversion.
public struct Made: Equatable, Sendable {
    public var product: Product
    /// Whether a product of an earlier start was used.
    public var cached = false
    /// Nil where it is a part of the load that is not told apart, and where it was cached.
    public var compileMs: Double?
    public var bytes: Int?
    public var key: String?

    public init(
        _ product: Product, cached: Bool = false, compileMs: Double? = nil, bytes: Int? = nil,
        key: String? = nil
    ) {
        self.product = product
        self.cached = cached
        self.compileMs = compileMs
        self.bytes = bytes
        self.key = key
    }
}

/// The conversion of one artifact on this device, cold and warm.
public struct Conversion: Codable, Equatable, Sendable {
    public let kind: Product
    @OrNull public var compileMs: Double?
    @OrNull public var coldLoadMs: Double?
    @OrNull public var warmLoadMs: Double?
    public let cached: Bool
    @OrNull public var bytes: Int?
    public let osBuild: String
    @OrNull public var key: String?

    init(_ made: Made, coldLoadMs: Double?, warmLoadMs: Double?, osBuild: String) {
        kind = made.product
        compileMs = made.compileMs
        self.coldLoadMs = coldLoadMs
        self.warmLoadMs = warmLoadMs
        cached = made.cached
        bytes = made.bytes
        self.osBuild = osBuild
        key = made.key
    }
}

import Foundation

#if canImport(CryptoKit)
    import CryptoKit
#endif

/// A public key of one of the three curves that OpenSSF Model Signing takes.
struct PublicKey: Sendable {
    /// As model-signing names a key: the sha256 of its PEM.
    let fingerprint: String
    private let check: @Sendable (_ message: Data, _ signature: Data) -> Bool

    /// Reads the inside of a PEM block; throws `NotUsable`.
    init(base64: String) throws {
        guard let der = Data(base64Encoded: base64.filter { !$0.isWhitespace }) else {
            throw NotUsable("\(TrustedKeys.file) has a key that is damaged")
        }
        guard let check = Self.check(der) else {
            throw NotUsable("\(TrustedKeys.file) has a key that is not of a curve: use P-256")
        }
        self.check = check
        fingerprint = sha256(Self.pem(der))
    }

    func hasSigned(_ message: Data, as signature: Data) -> Bool { check(message, signature) }

    private static func pem(_ der: Data) -> Data {
        let options: Data.Base64EncodingOptions = [.lineLength64Characters, .endLineWithLineFeed]
        let lines = der.base64EncodedString(options: options)
        return Data("-----BEGIN PUBLIC KEY-----\n\(lines)\n-----END PUBLIC KEY-----\n".utf8)
    }

    #if canImport(CryptoKit)
        /// ECDSA with the hash that goes with the curve.
        private static func check(_ der: Data) -> (@Sendable (Data, Data) -> Bool)? {
            if let key = try? P256.Signing.PublicKey(derRepresentation: der) {
                return { message, signature in
                    (try? P256.Signing.ECDSASignature(derRepresentation: signature))
                        .map { key.isValidSignature($0, for: message) } ?? false
                }
            }
            if let key = try? P384.Signing.PublicKey(derRepresentation: der) {
                return { message, signature in
                    (try? P384.Signing.ECDSASignature(derRepresentation: signature))
                        .map { key.isValidSignature($0, for: message) } ?? false
                }
            }
            if let key = try? P521.Signing.PublicKey(derRepresentation: der) {
                return { message, signature in
                    (try? P521.Signing.ECDSASignature(derRepresentation: signature))
                        .map { key.isValidSignature($0, for: message) } ?? false
                }
            }
            return nil
        }
    #else
        /// Linux has no CryptoKit: the machine's OpenSSL stands for it.
        private static func check(_ der: Data) -> (@Sendable (Data, Data) -> Bool)? {
            guard let key = OpenSSLKey(der: der) else { return nil }
            return { message, signature in key.hasSigned(message, as: signature) }
        }
    #endif
}

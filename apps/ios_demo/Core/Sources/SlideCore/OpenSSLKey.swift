#if !canImport(CryptoKit)
    import Foundation

    /// A public key in libcrypto 3, which is loaded when it is needed: where this package is built
    /// without CryptoKit, it is only tested.
    final class OpenSSLKey: @unchecked Sendable {
        private typealias Pointer = UnsafeMutableRawPointer
        private typealias ReadKey = @convention(c) (
            Pointer?, UnsafeMutablePointer<UnsafePointer<UInt8>?>, Int
        ) -> Pointer?
        private typealias Bits = @convention(c) (Pointer) -> Int32
        private typealias Make = @convention(c) () -> Pointer?
        private typealias Free = @convention(c) (Pointer?) -> Void
        private typealias Hash = @convention(c) () -> Pointer?
        private typealias Begin = @convention(c) (
            Pointer, Pointer?, Pointer?, Pointer?, Pointer
        ) -> Int32
        private typealias Verify = @convention(c) (
            Pointer, UnsafePointer<UInt8>?, Int, UnsafePointer<UInt8>?, Int
        ) -> Int32

        private let key: Pointer
        private let hash: String

        /// Reads a key in DER; nil if it is not of P-256, P-384 or P-521.
        init?(der: Data) {
            let found = der.withUnsafeBytes { raw -> Pointer? in
                var at = raw.bindMemory(to: UInt8.self).baseAddress
                return function("d2i_PUBKEY", ReadKey.self)(nil, &at, der.count)
            }
            let hashes: [Int32: String] = [256: "EVP_sha256", 384: "EVP_sha384", 521: "EVP_sha512"]
            guard let found, let hash = hashes[function("EVP_PKEY_get_bits", Bits.self)(found)]
            else { return nil }
            (key, self.hash) = (found, hash)
        }

        deinit { function("EVP_PKEY_free", Free.self)(key) }

        func hasSigned(_ message: Data, as signature: Data) -> Bool {
            guard let context = function("EVP_MD_CTX_new", Make.self)() else { return false }
            defer { function("EVP_MD_CTX_free", Free.self)(context) }
            let digest = function(hash, Hash.self)()
            let begin = function("EVP_DigestVerifyInit", Begin.self)
            guard begin(context, nil, digest, nil, key) == 1 else { return false }
            let (signature, message) = ([UInt8](signature), [UInt8](message))
            let verify = function("EVP_DigestVerify", Verify.self)
            return verify(context, signature, signature.count, message, message.count) == 1
        }
    }

    nonisolated(unsafe) private let libcrypto = dlopen("libcrypto.so.3", RTLD_NOW)

    private func function<T>(_ name: String, _ type: T.Type) -> T {
        guard let symbol = libcrypto.flatMap({ dlsym($0, name) }) else {
            fatalError("libcrypto 3 is not on this machine, or has no \(name)")
        }
        return unsafeBitCast(symbol, to: type)
    }
#endif

// The part of CryptoKit that the core uses. The three curves have the same interface.
import Foundation

//: Swift
public struct SHA256Digest: Sequence, Sendable {
    //: Swift
    public func makeIterator() -> Array<UInt8>.Iterator { fatalError() }
}

//: Swift
public struct SHA256 {
    //: Swift
    public static func hash<D: DataProtocol>(data: D) -> SHA256Digest { fatalError() }
}

//: Swift
public enum P256 {
    //: Swift
    public enum Signing {
        //: Swift
        public struct ECDSASignature: Sendable {
            //: Swift
            public init<D: DataProtocol>(derRepresentation: D) throws { fatalError() }
        }
        //: Swift
        public struct PublicKey: Sendable {
            //: Swift
            public init<Bytes: RandomAccessCollection>(derRepresentation: Bytes) throws
            where Bytes.Element == UInt8 { fatalError() }
            //: Swift
            public func isValidSignature<D: DataProtocol>(_ signature: ECDSASignature, for data: D)
                -> Bool
            { fatalError() }
        }
    }
}

//: Swift
public enum P384 {
    //: Swift
    public enum Signing {
        //: Swift
        public struct ECDSASignature: Sendable {
            //: Swift
            public init<D: DataProtocol>(derRepresentation: D) throws { fatalError() }
        }
        //: Swift
        public struct PublicKey: Sendable {
            //: Swift
            public init<Bytes: RandomAccessCollection>(derRepresentation: Bytes) throws
            where Bytes.Element == UInt8 { fatalError() }
            //: Swift
            public func isValidSignature<D: DataProtocol>(_ signature: ECDSASignature, for data: D)
                -> Bool
            { fatalError() }
        }
    }
}

//: Swift
public enum P521 {
    //: Swift
    public enum Signing {
        //: Swift
        public struct ECDSASignature: Sendable {
            //: Swift
            public init<D: DataProtocol>(derRepresentation: D) throws { fatalError() }
        }
        //: Swift
        public struct PublicKey: Sendable {
            //: Swift
            public init<Bytes: RandomAccessCollection>(derRepresentation: Bytes) throws
            where Bytes.Element == UInt8 { fatalError() }
            //: Swift
            public func isValidSignature<D: DataProtocol>(_ signature: ECDSASignature, for data: D)
                -> Bool
            { fatalError() }
        }
    }
}

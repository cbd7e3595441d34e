import Foundation

/// RFC 1951, of a zlib stream (RFC 1950). Golden images are decoded here and not by ImageIO, whose
/// colour management may move a byte.
func inflated(zlib data: Data, expecting size: Int) throws -> [UInt8] {
    let bytes = Array(data)
    guard bytes.count > 6, bytes[0] & 0x0f == 8, bytes[1] & 0x20 == 0,
        (Int(bytes[0]) << 8 | Int(bytes[1])) % 31 == 0
    else { throw NotUsable("the image is damaged: no zlib stream") }
    var stream = DeflateStream(bytes: bytes, position: 2)
    let result = try stream.inflate(expecting: size)
    let stored = bytes.suffix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    guard stored == adler32(result) else { throw NotUsable("the image is damaged: wrong checksum") }
    return result
}

private func adler32(_ bytes: [UInt8]) -> UInt32 {
    var (a, b): (UInt32, UInt32) = (1, 0)
    for byte in bytes {
        a = (a + UInt32(byte)) % 65521
        b = (b + a) % 65521
    }
    return b << 16 | a
}

private struct DeflateStream {
    let bytes: [UInt8]
    var position: Int
    var buffer: UInt32 = 0
    var available = 0

    static let damaged = NotUsable("the image is damaged: its data ends or makes no sense")
    static let lengthBase = [
        3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115,
        131, 163, 195, 227, 258,
    ]
    static let lengthExtra = [
        0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
    ]
    static let distanceBase = [
        1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537,
        2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577,
    ]
    static let codeLengthOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]

    init(bytes: [UInt8], position: Int) {
        self.bytes = bytes
        self.position = position
    }

    mutating func inflate(expecting size: Int) throws -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(size)
        var last = false
        while !last {
            last = try bits(1) == 1
            switch try bits(2) {
            case 0: try stored(into: &result, limit: size)
            case 1: try block(.fixedLiterals, .fixedDistances, into: &result, limit: size)
            case 2:
                let (literals, distances) = try dynamicCodes()
                try block(literals, distances, into: &result, limit: size)
            default: throw Self.damaged
            }
        }
        guard result.count == size else { throw Self.damaged }
        return result
    }

    mutating func bits(_ count: Int) throws -> Int {
        while available < count {
            guard position < bytes.count else { throw Self.damaged }
            buffer |= UInt32(bytes[position]) << UInt32(available)
            position += 1
            available += 8
        }
        let value = buffer & ((1 << UInt32(count)) - 1)
        buffer >>= UInt32(count)
        available -= count
        return Int(value)
    }

    /// Never more than `limit` in all: a small file may ask for gigabytes.
    private mutating func stored(into result: inout [UInt8], limit: Int) throws {
        position -= available / 8
        (buffer, available) = (0, 0)
        let length = try bits(16)
        guard try bits(16) == length ^ 0xffff, position + length <= bytes.count,
            result.count + length <= limit
        else { throw Self.damaged }
        result.append(contentsOf: bytes[position..<position + length])
        position += length
    }

    private mutating func block(
        _ literals: HuffmanCode, _ distances: HuffmanCode, into result: inout [UInt8], limit: Int
    ) throws {
        while true {
            let symbol = try literals.next(&self)
            if symbol < 256 {
                guard result.count < limit else { throw Self.damaged }
                result.append(UInt8(symbol))
                continue
            }
            if symbol == 256 { return }
            guard symbol - 257 < Self.lengthBase.count else { throw Self.damaged }
            let length = try Self.lengthBase[symbol - 257] + bits(Self.lengthExtra[symbol - 257])
            let code = try distances.next(&self)
            guard code < Self.distanceBase.count else { throw Self.damaged }
            let distance = try Self.distanceBase[code] + bits(max(0, code / 2 - 1))
            guard distance <= result.count, result.count + length <= limit else {
                throw Self.damaged
            }
            for _ in 0..<length { result.append(result[result.count - distance]) }
        }
    }

    private mutating func dynamicCodes() throws -> (HuffmanCode, HuffmanCode) {
        let literals = try bits(5) + 257
        let distances = try bits(5) + 1
        let codes = try bits(4) + 4
        var lengths = [Int](repeating: 0, count: 19)
        for index in 0..<codes { lengths[Self.codeLengthOrder[index]] = try bits(3) }
        let code = HuffmanCode(lengths: lengths)
        var all: [Int] = []
        while all.count < literals + distances {
            switch try code.next(&self) {
            case let length where length < 16: all.append(length)
            case 16:
                guard let previous = all.last else { throw Self.damaged }
                all += try [Int](repeating: previous, count: 3 + bits(2))
            case 17: all += try [Int](repeating: 0, count: 3 + bits(3))
            default: all += try [Int](repeating: 0, count: 11 + bits(7))
            }
        }
        guard all.count == literals + distances else { throw Self.damaged }
        return (
            HuffmanCode(lengths: Array(all[..<literals])),
            HuffmanCode(lengths: Array(all[literals...]))
        )
    }
}

/// A canonical code, read a bit at a time by counting (as zlib's puff.c explains it).
private struct HuffmanCode {
    var counts = [Int](repeating: 0, count: 16)
    var symbols: [Int] = []

    init(lengths: [Int]) {
        for length in lengths where length > 0 { counts[length] += 1 }
        for length in 1...15 {
            symbols += lengths.indices.filter { lengths[$0] == length }
        }
    }

    static let fixedLiterals = HuffmanCode(
        lengths: (0..<288).map { $0 < 144 ? 8 : $0 < 256 ? 9 : $0 < 280 ? 7 : 8 })
    static let fixedDistances = HuffmanCode(lengths: [Int](repeating: 5, count: 30))

    func next(_ stream: inout DeflateStream) throws -> Int {
        var (code, first, index) = (0, 0, 0)
        for length in 1...15 {
            code |= try stream.bits(1)
            let count = counts[length]
            if code - count < first {
                // Lengths that promise more codes than there are bits for.
                guard code >= first else { throw DeflateStream.damaged }
                return symbols[index + code - first]
            }
            index += count
            first = (first + count) << 1
            code <<= 1
        }
        throw DeflateStream.damaged
    }
}

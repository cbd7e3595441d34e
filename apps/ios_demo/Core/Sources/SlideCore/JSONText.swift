import Foundation

/// JSON that keeps its numbers as they are written, so that a manifest's seal can be computed over
/// exactly what Python sealed: `json.dumps(rest, sort_keys=True)`.
indirect enum JSONText: Equatable {
    case object([(key: String, value: JSONText)])
    case array([JSONText])
    case string(String)
    case literal(String)  // a number, true, false or null

    static func == (a: JSONText, b: JSONText) -> Bool { a.canonical == b.canonical }

    init(_ data: Data) throws {
        var parser = Parser(bytes: Array(data))
        self = try parser.document()
    }

    subscript(name: String) -> JSONText? {
        guard case .object(let members) = self else { return nil }
        return members.last { $0.key == name }?.value
    }

    func without(_ name: String) -> JSONText {
        guard case .object(let members) = self else { return self }
        return .object(members.filter { $0.key != name })
    }

    /// As Python writes it: keys sorted by code point, ", " and ": ", and only ASCII.
    var canonical: String {
        switch self {
        case .object(let members):
            let last = Dictionary(members.map { ($0.key, $0.value) }, uniquingKeysWith: { $1 })
            let sorted = last.sorted {
                $0.key.unicodeScalars.lexicographicallyPrecedes($1.key.unicodeScalars)
            }
            return "{"
                + sorted.map { quoted($0.key) + ": " + $0.value.canonical }.joined(separator: ", ")
                + "}"
        case .array(let items): return "[" + items.map(\.canonical).joined(separator: ", ") + "]"
        case .string(let text): return quoted(text)
        case .literal(let text): return text
        }
    }

    private func quoted(_ text: String) -> String {
        var result = "\""
        for unit in text.utf16 {
            switch unit {
            case 0x22: result += "\\\""
            case 0x5c: result += "\\\\"
            case 0x0a: result += "\\n"
            case 0x0d: result += "\\r"
            case 0x09: result += "\\t"
            case 0x08: result += "\\b"
            case 0x0c: result += "\\f"
            case 0x20..<0x7f: result.unicodeScalars.append(Unicode.Scalar(UInt8(unit)))
            default: result += "\\u" + String(format: "%04x", unit)
            }
        }
        return result + "\""
    }
}

enum JSONFailure: Error, Equatable {
    case at(byte: Int)
}

private struct Parser {
    let bytes: [UInt8]
    var position = 0
    var depth = 0
    // A manifest is six deep; a file made to overflow the stack is only damaged.
    static let deepest = 64

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func document() throws -> JSONText {
        let value = try value()
        skipBlanks()
        guard position == bytes.count else { throw failure }
        return value
    }

    var failure: JSONFailure { .at(byte: position) }

    var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    mutating func skipBlanks() {
        while let byte = next, [0x20, 0x09, 0x0a, 0x0d].contains(byte) { position += 1 }
    }

    mutating func take(_ character: Character) -> Bool {
        skipBlanks()
        guard next == character.asciiValue else { return false }
        position += 1
        return true
    }

    mutating func expect(_ character: Character) throws {
        guard take(character) else { throw failure }
    }

    mutating func value() throws -> JSONText {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.deepest else { throw failure }
        skipBlanks()
        switch next {
        case UInt8(ascii: "{"): return try object()
        case UInt8(ascii: "["): return try array()
        case UInt8(ascii: "\""): return .string(try string())
        default: return try literal()
        }
    }

    mutating func object() throws -> JSONText {
        try expect("{")
        var members: [(key: String, value: JSONText)] = []
        if take("}") { return .object(members) }
        repeat {
            skipBlanks()
            let key = try string()
            try expect(":")
            members.append((key, try value()))
        } while take(",")
        try expect("}")
        return .object(members)
    }

    mutating func array() throws -> JSONText {
        try expect("[")
        var items: [JSONText] = []
        if take("]") { return .array(items) }
        repeat { items.append(try value()) } while take(",")
        try expect("]")
        return .array(items)
    }

    /// The rest of the string's syntax is JSONDecoder's business; only its end is found here.
    mutating func string() throws -> String {
        let start = position
        guard next == UInt8(ascii: "\"") else { throw failure }
        position += 1
        while let byte = next, byte != UInt8(ascii: "\"") {
            position += byte == UInt8(ascii: "\\") ? 2 : 1
        }
        guard next == UInt8(ascii: "\"") else { throw failure }
        position += 1
        let token = Data(bytes[start..<position])
        guard
            let text = try? JSONDecoder().decode(
                [String].self, from: Data("[".utf8) + token + Data("]".utf8))
        else {
            throw failure
        }
        return text[0]
    }

    mutating func literal() throws -> JSONText {
        let start = position
        while let byte = next, !",]}: \n\r\t".utf8.contains(byte) { position += 1 }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        let known = ["true", "false", "null"].contains(text)
        // Python writes NaN and Infinity too, which are no JSON.
        let number =
            text.utf8.allSatisfy { "0123456789+-.eE".utf8.contains($0) } && Double(text) != nil
        guard known || number else { throw failure }
        return .literal(text)
    }
}

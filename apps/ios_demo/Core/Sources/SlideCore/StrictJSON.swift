import Foundation

/// Decodes a document; throws `NotUsable`, which starts with `name`, for one that is not JSON, that
/// names a field twice in one object, or that lacks a field.
func decoded<T: Decodable>(
    _ type: T.Type, from json: Data, name: String, by decoder: JSONDecoder = JSONDecoder()
) throws -> T {
    guard let isRepeated = try? namesAFieldTwice(json) else {
        throw NotUsable("\(name) is not JSON")
    }
    guard !isRepeated else { throw NotUsable("\(name) names a field twice") }
    do {
        return try decoder.decode(type, from: json)
    } catch DecodingError.keyNotFound(let key, let context) {
        throw NotUsable("\(name) is damaged: \(place(context.codingPath + [key])) is missing")
    } catch DecodingError.typeMismatch(_, let context),
        DecodingError.valueNotFound(_, let context)
    {
        throw NotUsable("\(name) is damaged: \(place(context.codingPath)) is of the wrong kind")
    } catch DecodingError.dataCorrupted(let context) where !context.codingPath.isEmpty {
        throw NotUsable("\(name) is damaged: \(place(context.codingPath)) is of the wrong kind")
    } catch {
        throw NotUsable("\(name) is not JSON")
    }
}

private func place(_ path: [any CodingKey]) -> String {
    path.map(\.stringValue).joined(separator: "/")
}

/// Bytes that cannot be JSON.
struct NoJSON: Error {}

/// Whether an object in this JSON text names a field twice. Foundation silently keeps one of the
/// two, and a reader that keeps the other reads a different document. Names are compared as
/// Foundation compares them: escapes are decoded, and names are equal where Unicode says so. Throws
/// `NoJSON` for text that is not JSON although Foundation reads it; Foundation refuses the rest.
func namesAFieldTwice(_ json: Data) throws -> Bool {
    let bytes = [UInt8](json)
    // Foundation also decodes UTF-16 and UTF-32, in which a quotation mark is not one byte.
    guard !bytes.contains(0) else { throw NoJSON() }
    var open: [Set<String>] = []  // the names in each object or array around this byte
    var at = 0
    var last: UInt8 = 0  // before this byte, blanks left out
    while at < bytes.count {
        switch bytes[at] {
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            open.append([])
            guard open.count <= 64 else { throw NoJSON() }  // a manifest is five deep
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
            guard open.popLast() != nil, last != UInt8(ascii: ",") else { throw NoJSON() }
        case quotationMark:
            let start = at
            at += 1
            while at < bytes.count, bytes[at] != quotationMark {
                at += bytes[at] == UInt8(ascii: "\\") ? 2 : 1
            }
            guard at < bytes.count else { throw NoJSON() }
            let next = bytes[(at + 1)...].first { !blanks.contains($0) }
            if next == UInt8(ascii: ":"), !open.isEmpty {
                let name = try JSONDecoder().decode(String.self, from: Data(bytes[start...at]))
                guard open[open.count - 1].insert(name).inserted else { return true }
            }
        default: break
        }
        if !blanks.contains(bytes[at]) { last = bytes[at] }
        at += 1
    }
    return false
}

private let quotationMark = UInt8(ascii: "\"")
private let blanks: Set<UInt8> = [0x20, 0x09, 0x0a, 0x0d]

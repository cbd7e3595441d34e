import Foundation
import Testing

@testable import SlideCore

struct StrictJSONTests {
    @Test(arguments: [
        #"{"a": 1, "a": 2}"#, #"{"a": 1, "b": {"c": 1, "c": 1}}"#, #"[{"a": 1}, {"b": 1, "b": 1}]"#,
        #"{"parity": 1, "p\u0061rity": 2}"#, #"{"a\"": 1, "a\"": 2}"#, #"{"\\": 1, "\\": 2}"#,
        #"{"": 1, "": 2}"#, "{\"a\"\n:1,\t\"a\" :2}", #"{"a": {"a": 1}, "a": 2}"#,
        "{\"\u{e9}\": 1, \"e\u{301}\": 2}",
    ])
    func aNameThatStandsTwiceIsFound(text: String) throws {
        #expect(try namesAFieldTwice(Data(text.utf8)))
        #expect(
            throws: NotUsable("the text names a field twice"),
            performing: { try decoded(Anything.self, from: Data(text.utf8), name: "the text") })
    }

    @Test(arguments: [
        #"{"a": "a", "b": "a"}"#, #"{"a": {"a": [{"a": 1}, {"a": 1}]}}"#, #"["a", "a"]"#,
        #"{"a": "\"a\": 1, \"a\":"}"#, #"{"a": 1, "A": 2, "a ": 3}"#, #"{"\\\"a": 1, "\\": 2}"#,
        "[]", "{}", "1", #""a""#,
    ])
    func otherNamesAreLetThrough(text: String) throws {
        #expect(try !namesAFieldTwice(Data(text.utf8)))
        _ = try decoded(Anything.self, from: Data(text.utf8), name: "the text")
    }

    @Test(arguments: [
        "", "{", "[1,]", "{\"a\" 1}", "[NaN]", "[Infinity]", "nul", "[1] 2", "\"open", "{1: 2}",
        "[\"\\x\"]", "]", "{\"a\": 1, }", "{\"\\", "[1e999]", "{\"\\ud800\": 1}",
        String(repeating: "[", count: 100_000), String(repeating: "{\"a\":", count: 100_000),
    ])
    func whatIsNoJSONIsRefused(text: String) {
        #expect(throws: NotUsable.self) {
            try decoded(Anything.self, from: Data(text.utf8), name: "the text")
        }
    }

    /// Foundation reads UTF-16, in which no quotation mark is where the search looks for it.
    @Test func textOfAnotherEncodingIsRefused() throws {
        for encoding in [String.Encoding.utf16LittleEndian, .utf16BigEndian, .utf32LittleEndian] {
            let json = try #require(#"{"a": 1, "a": 2}"#.data(using: encoding))
            #expect(throws: NotUsable("the text is not JSON")) {
                try decoded(Anything.self, from: json, name: "the text")
            }
        }
    }

    /// Random documents are judged right, and damaged ones, with a byte changed or the end cut off,
    /// do not crash the search.
    @Test func drawnDocumentsAreToldApart() throws {
        var draw = Draw(state: 7)
        var counts = [false: 0, true: 0]
        for _ in 0..<3000 {
            let document = draw.document()
            let json = Data(document.text.utf8)
            #expect(try namesAFieldTwice(json) == document.isRepeated, "\(document.text)")
            counts[document.isRepeated]! += 1
            var damaged = json
            damaged[draw.number(json.count)] = UInt8(draw.number(256))
            _ = try? decoded(Anything.self, from: damaged, name: "the text")
            let cut = json.prefix(draw.number(json.count))
            _ = try? decoded(Anything.self, from: cut, name: "the text")
        }
        #expect(counts.values.allSatisfy { $0 > 500 })
    }
}

/// Any JSON document, read to its end.
private struct Anything: Decodable {
    init(from decoder: any Decoder) throws {
        if let fields = try? decoder.container(keyedBy: Name.self) {
            for key in fields.allKeys { _ = try fields.decode(Anything.self, forKey: key) }
        } else if var items = try? decoder.unkeyedContainer() {
            while !items.isAtEnd { _ = try items.decode(Anything.self) }
        } else {
            let value = try decoder.singleValueContainer()
            if value.decodeNil() || (try? value.decode(Bool.self)) != nil
                || (try? value.decode(String.self)) != nil
            {
                return
            }
            _ = try value.decode(Double.self)
        }
    }

    private struct Name: CodingKey {
        let stringValue: String
        let intValue: Int? = nil
        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}

/// Random documents from our own generator, so that a failure can be repeated.
private struct Draw {
    var state: UInt64

    mutating func number(_ below: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33) % below
    }

    /// A text, and whether an object in it names a field twice.
    mutating func document(depth: Int = 0) -> (text: String, isRepeated: Bool) {
        let values = ["1", "-2.5e3", "true", "null", #""a\": 1""#, #""}{][""#, #""\\""#]
        let kind = number(depth > 3 ? 1 : 4)
        if kind == 0 { return (values[number(values.count)], false) }
        let items = (0..<number(4)).map { _ in document(depth: depth + 1) }
        let isInside = items.contains(where: \.isRepeated)
        if kind == 1 { return ("[" + items.map(\.text).joined(separator: ",") + "]", isInside) }
        let names = items.map { _ in ["a", "b", "\"", "\\", "é", "ab", "", ":"][number(8)] }
        let fields = zip(names, items).map { name, item in
            written(name) + [":", " :", "\n: "][number(3)] + item.text
        }
        let isRepeated = Set(names).count < names.count
        return ("{" + fields.joined(separator: ", ") + "}", isInside || isRepeated)
    }

    /// In quotation marks, with some characters as escapes.
    private mutating func written(_ name: String) -> String {
        let units = name.utf16.map { unit in
            let mustEscape = unit == 0x22 || unit == 0x5c
            return number(3) == 0
                ? String(format: "\\u%04x", unit)
                : (mustEscape ? "\\" : "") + String(utf16CodeUnits: [unit], count: 1)
        }
        return "\"" + units.joined() + "\""
    }
}

import Foundation
import Testing

@testable import SlideCore

struct JSONTextTests {
    /// Each pair is what Python reads and what `json.dumps(..., sort_keys=True)` makes of it.
    @Test(arguments: [
        (#"{"b": 1, "a": [true, null]}"#, #"{"a": [true, null], "b": 1}"#),
        (#"{"x":1e-07,"y":35.74}"#, #"{"x": 1e-07, "y": 35.74}"#),
        (#"["\u00e9\n\u2028", "\"\\/"]"#, #"["\u00e9\n\u2028", "\"\\/"]"#),
        (#"["😀"]"#, #"["\ud83d\ude00"]"#),
        (#"{"Z": 0, "a": 0, "é": 0}"#, #"{"Z": 0, "a": 0, "\u00e9": 0}"#),
        (#" [ ] "#, "[]"), (#"{}"#, "{}"), ("-0.0", "-0.0"), (#"["\u007f"]"#, "[\"\\u007f\"]"),
    ])
    func canonicalIsPythons(text: String, canonical: String) throws {
        #expect(try JSONText(Data(text.utf8)).canonical == canonical)
    }

    @Test(arguments: [
        "", "{", "[1,]", "{\"a\" 1}", "[NaN]", "[Infinity]", "nul", "[1] 2", "\"open", "{1: 2}",
        "[\"\\x\"]", String(repeating: "[", count: 100_000),
    ])
    func whatIsNoJSONIsRefused(text: String) {
        #expect(throws: JSONFailure.self) { try JSONText(Data(text.utf8)) }
    }
}

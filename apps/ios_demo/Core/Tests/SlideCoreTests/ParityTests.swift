import Foundation
import Testing

@testable import SlideCore

struct ParityTests {
    struct Vectors: Decodable { let cases: [Case] }

    struct Case: Decodable {
        let name: String
        let reference: [Number]
        let output: [Number]
        let minSqnrDb: Double
        let sqnrDb: Double?
        let passed: Bool
    }

    /// JSON has no NaN: the vectors write "nan", "inf" and "-inf" as text.
    struct Number: Decodable {
        let value: Double

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let number = try? container.decode(Double.self) {
                value = number
            } else {
                value = ["nan": .nan, "inf": .infinity, "-inf": -.infinity][
                    try container.decode(String.self)]!
            }
        }
    }

    @Test func decibelsAndVerdictsAgreeWithPython() throws {
        let cases = try Conformance.read("verify.json", as: Vectors.self).cases
        #expect(cases.count > 5)
        for known in cases {
            let parity = Parity(
                reference: known.reference.map(\.value), output: known.output.map(\.value),
                floor: known.minSqnrDb)
            #expect(parity.passed == known.passed, "\(known.name)")
            #expect((parity.decibels == nil) == (known.sqnrDb == nil), "\(known.name)")
            #expect(abs((parity.decibels ?? 0) - (known.sqnrDb ?? 0)) <= 1e-9, "\(known.name)")
        }
    }

    @Test func logitsOfAnotherNumberOfClassesDoNotPass() {
        #expect(!Parity(reference: [1, 2], output: [1], floor: 0).passed)
        #expect(!Parity(reference: [], output: [], floor: 0).passed)
    }
}

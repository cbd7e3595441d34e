import Foundation

/// A measurement that a script asks for, without anyone at the screen:
/// `slidemeasure://measure?artifact=NAME&accelerator=cpu&threads=2&runs=50&seconds=3&out=NAME.json`
///
/// `artifact` may come more than once; with `ab=1` they are interleaved run by run. `sustained=60`
/// replaces runs and seconds. `verify=1` checks the parity capsule too. `exit=1` ends the app when
/// it is done: `devicectl --console` waits for that. The other words are Android's too
/// (apps/conformance/headless.json).
public struct HeadlessRequest: Equatable, Sendable {
    public static let scheme = "slidemeasure"
    private static let usualOutput = "measurement.json"
    private static let words = [
        "artifact", "accelerator", "precision", "threads", "warmup", "runs", "seconds", "sustained",
        "wait", "ab", "session", "verify", "out", "exit",
    ]

    public let artifacts: [String]  // empty: all
    public let accelerator: String?
    public let threads: Int?
    public let plan: MeasuringPlan
    public let interleaved: Bool
    /// Of several starts that measure the same, which one this is; nil if it is the only one.
    public let turn: Turn?
    public let precision: Precision?
    public let verifying: Bool
    public let output: String

    /// Reads an address; throws `NotUsable` for any other address or an unknown word: a script with
    /// a misspelt word must not get numbers that it did not ask for. A game loop's address is
    /// understood as what it stands for (`Farm`).
    public init(_ url: URL) throws {
        let url = try Farm.address(url)
        guard let parts = URLComponents(url: url, resolvingAgainstBaseURL: false),
            parts.scheme == Self.scheme, parts.host == "measure"
        else { throw NotUsable("\(url) is not \(Self.scheme)://measure?...") }
        var plan = MeasuringPlan()
        var artifacts: [String] = []
        var (accelerator, threads): (String?, Int?) = (nil, nil)
        var (interleaved, verifying) = (false, false)
        var (turn, precision): (Turn?, Precision?) = (nil, nil)
        var output = Self.usualOutput
        var once: Set<String> = []
        for item in parts.queryItems ?? [] {
            guard item.name == "artifact" || once.insert(item.name).inserted else {
                throw NotUsable("\(item.name) is asked for twice")
            }
            switch item.name {
            case "artifact": artifacts.append(try Self.name(item))
            case "accelerator": accelerator = try Self.name(item)
            case "precision": precision = try Self.precision(item)
            case "threads": threads = try Self.whole(item, 1...64)
            case "warmup": plan.warmup = try Self.whole(item, 0...10_000)
            case "runs": plan.runs = try Self.whole(item, 1...1_000_000)
            case "seconds": plan.seconds = try Self.number(item, 0...3600)
            case "sustained": plan.sustained = try Self.number(item, 1...3600)
            case "wait": plan.wait = try Self.number(item, 0...3600)
            case "session": turn = Turn(number: try Self.whole(item, 1...99))
            case "ab": interleaved = try Self.whole(item, 0...1) == 1
            case "verify": verifying = try Self.whole(item, 0...1) == 1
            case "exit": _ = try Self.whole(item, 0...1)
            case "out": output = try Self.fileName(item)
            default:
                let known = Self.words.joined(separator: ", ")
                throw NotUsable("\(item.name) is not known, only \(known)")
            }
        }
        self.artifacts = artifacts
        self.accelerator = accelerator
        self.threads = threads
        self.plan = plan
        self.interleaved = interleaved
        self.turn = turn
        self.precision = precision
        self.verifying = verifying
        self.output = output
    }

    /// Works for a refused address, too: a script that waits for the app's end waits then as well.
    public static func exits(_ url: URL) -> Bool {
        let items = URLComponents(url: url, resolvingAgainstBaseURL: false)?.queryItems ?? []
        return items.contains(URLQueryItem(name: "exit", value: "1"))
    }

    /// Works for a refused address, too: a file of an earlier start must not pass for its own.
    public static func output(_ url: URL) -> String? {
        guard let url = try? Farm.address(url) else { return nil }
        let items = URLComponents(url: url, resolvingAgainstBaseURL: false)?.queryItems ?? []
        guard let item = items.first(where: { $0.name == "out" }) else { return usualOutput }
        return try? fileName(item)
    }

    private static func whole(_ item: URLQueryItem, _ range: ClosedRange<Int>) throws -> Int {
        guard let number = Int(item.value ?? ""), range.contains(number) else {
            throw notFrom(range, item, "a whole number")
        }
        return number
    }

    private static func number(_ item: URLQueryItem, _ range: ClosedRange<Int>) throws -> Double {
        let (least, most) = (Double(range.lowerBound), Double(range.upperBound))
        guard let number = Double(item.value ?? ""), (least...most).contains(number) else {
            throw notFrom(range, item, "a number")
        }
        return number
    }

    private static func notFrom(
        _ range: ClosedRange<Int>, _ item: URLQueryItem, _ what: String
    ) -> NotUsable {
        let (least, most) = (range.lowerBound, range.upperBound)
        return NotUsable("\(item.name)=\(item.value ?? "") is not \(what) from \(least) to \(most)")
    }

    private static func precision(_ item: URLQueryItem) throws -> Precision {
        guard let found = Precision(rawValue: item.value ?? "") else {
            let known = Precision.allCases.map(\.rawValue).joined(separator: " or ")
            throw NotUsable("\(item.name)=\(item.value ?? "") is not \(known)")
        }
        return found
    }

    private static func name(_ item: URLQueryItem) throws -> String {
        guard let text = item.value, !text.isEmpty else {
            throw NotUsable("\(item.name) is empty: name one, or leave it out")
        }
        return text
    }

    private static func fileName(_ item: URLQueryItem) throws -> String {
        let text = item.value ?? ""
        guard text.hasSuffix(".json"), !text.hasPrefix("."), !text.contains("/") else {
            throw NotUsable(
                "out=\(text) is not a file name that ends in .json, "
                    + "with no / in it and no dot before it")
        }
        return text
    }

    /// The candidates, in groups that are measured together. Throws `NotUsable` if a named artifact
    /// cannot be measured as asked; where all are meant, those that cannot are `failed`.
    public func groups(
        in library: ArtifactLibrary, backends: [any Backend]
    ) throws -> (groups: [[Candidate]], failed: [Failure]) {
        var candidates = try artifacts.map { try candidate($0, library, backends) }
        var failed: [Failure] = []
        if artifacts.isEmpty {
            for entry in library.artifacts where entry.artifact != nil {
                do {
                    candidates.append(try candidate(entry.folder, library, backends))
                } catch {
                    failed.append(Failure(entry.folder, error))
                }
            }
        }
        let together = interleaved && !candidates.isEmpty
        return (together ? [candidates] : candidates.map { [$0] }, failed)
    }

    private func candidate(
        _ folder: String, _ library: ArtifactLibrary, _ backends: [any Backend]
    ) throws -> Candidate {
        try library.candidate(
            folder, backends: backends, accelerator: accelerator, threads: threads,
            precision: precision)
    }
}

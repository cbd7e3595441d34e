/// Versions of runtimes: numbers with dots, of which anything that follows is ignored.
public enum Releases {
    /// Whether a runtime is new enough; a version that is none is not.
    public static func covers(_ runtime: String, oldest: String) -> Bool {
        guard let has = numbers(runtime), let needs = numbers(oldest) else { return false }
        for place in 0..<max(has.count, needs.count) {
            let ours = place < has.count ? has[place] : 0
            let theirs = place < needs.count ? needs[place] : 0
            if ours != theirs { return ours > theirs }
        }
        return true
    }

    /// Why a runtime of this version cannot run a file that needs `oldest`, nil if it can.
    public static func refusal(_ name: String, _ runtime: String, oldest: String?) -> String? {
        guard let oldest, !covers(runtime, oldest: oldest) else { return nil }
        return "it needs \(name) \(oldest) or newer, this app has \(runtime)"
    }

    private static func numbers(_ version: String) -> [Int]? {
        let system = "iOS "  // Core ML's releases are those of the system
        let plain = version.hasPrefix(system) ? version.dropFirst(system.count) : version[...]
        let found = plain.prefixMatch(of: /[0-9]{1,6}(\.[0-9]{1,6}){0,4}/)
        return found?.output.0.split(separator: ".").compactMap { Int($0) }
    }
}

import Foundation

/// What could not be measured at all, in the shared document.
public struct Failure: Codable, Equatable, Sendable {
    public let artifact: String
    public let error: String

    init(_ artifact: String, _ error: any Error) {
        self.artifact = artifact
        self.error = error.localizedDescription
    }
}

extension Engine {
    /// Measures what an address asks for, group by group; a group that fails does not discard the
    /// others. Throws `NotUsable` if nothing was measured at all. On cancellation the current group
    /// ends early and says so, and the remaining ones are failures.
    public func measure(
        _ request: HeadlessRequest, in library: ArtifactLibrary, backends: [any Backend],
        probe: DeviceProbe
    ) async throws -> (results: [BenchResult], failed: [Failure]) {
        var results: [BenchResult] = []
        let asked = try request.groups(in: library, backends: backends)
        var failed = asked.failed
        for (index, group) in asked.groups.enumerated() {
            do {
                guard !Task.isCancelled else { throw NotUsable("stopped before it began") }
                results += try await measure(
                    group, plan: request.plan, verifying: request.verifying,
                    turn: request.turn ?? Turn(number: 1), fresh: index == 0, probe: probe)
            } catch {
                failed += group.map { Failure($0.artifact.folder, error) }
            }
        }
        guard !results.isEmpty else {
            let why = failed.map { "\($0.artifact): \($0.error)" }.joined(separator: "; ")
            throw NotUsable(why.isEmpty ? "no artifact can be measured" : why)
        }
        return (results, failed)
    }
}

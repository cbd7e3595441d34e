import Foundation

/// What device farms may ask for, as an address of a headless start. A game loop of Firebase Test Lab
/// is a number, and means the same on Android (apps/conformance/game_loops.json).
public enum Farm {
    /// `firebase-game-loop://?scenario=2`; without a number it is the first.
    public static let scheme = "firebase-game-loop"
    /// What to open when a loop is done: the lab then begins the next.
    public static let complete = URL(string: "firebase-game-loop-complete://")!
    /// In Documents: what the lab takes home.
    public static let folder = "GameLoopResults"

    private static let scenarios = [  // from scenario 1 on
        "verify=1", "accelerator=gpu&verify=1", "accelerator=ane&verify=1", "sustained=60",
    ]
    /// A loop is ended after some minutes, which a phone must not spend on cooling down.
    private static let wait = 30

    public static func isLoop(_ url: URL) -> Bool { url.scheme == scheme }

    /// The address of the headless start that a game loop stands for; any other address as it is.
    /// Throws `NotUsable` for a scenario that is not known.
    static func address(_ url: URL) throws -> URL {
        guard isLoop(url) else { return url }
        let items = URLComponents(url: url, resolvingAgainstBaseURL: false)?.queryItems ?? []
        let text = items.first { $0.name == "scenario" }.map { $0.value ?? "" } ?? "1"
        guard let number = Int(text), scenarios.indices.contains(number - 1) else {
            throw NotUsable(
                "scenario=\(text) is not a whole number from 1 to \(scenarios.count)")
        }
        let words = "\(scenarios[number - 1])&wait=\(wait)&out=game-loop-\(number).json"
        return URL(string: "\(HeadlessRequest.scheme)://measure?\(words)")!
    }
}

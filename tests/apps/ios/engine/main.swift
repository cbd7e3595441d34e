// The app's engine without its screens: `app_on_linux ARTIFACTS URL`, what a device farm does with
// the app itself. Prints the shared JSON; what cannot be done is a line on stderr and exit code 1.
import Foundation
import SlideCore

let backends: [any Backend] = [ExecuTorchBackend()]
let probe = DeviceProbe(
    condition: {
        Condition(
            powerSaver: nil, chargePercent: nil, charging: nil, thermal: .unknown,
            debuggable: false, emulator: false)
    },
    peakMemory: {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return usage.ru_maxrss * 1024  // kilobytes on Linux
    })

do {
    let root = URL(fileURLWithPath: CommandLine.arguments[1])
    if CommandLine.arguments[2] == "store" {
        try await bring(root, to: ModelStore(root: URL(fileURLWithPath: CommandLine.arguments[3])))
        exit(0)
    }
    let library = ArtifactLibrary(root: root) { backends.refusal(of: $0) }
    for entry in library.artifacts {
        if let why = entry.whyNot {
            print("\(entry.folder): not usable: \(why)", to: &standardError)
        }
    }
    let request = try HeadlessRequest(URL(string: CommandLine.arguments[2])!)
    let taken = try await Engine().measure(
        request, in: library, backends: backends, probe: probe)
    let process = ProcessInfo.processInfo
    let environment = BenchEnvironment(
        device: "a Linux host", os: "Linux", osVersion: process.operatingSystemVersionString,
        cpu: "", cores: process.activeProcessorCount,
        memoryBytes: Int(process.physicalMemory), appVersion: "tests", created: Date(),
        runtimes: Dictionary(uniqueKeysWithValues: backends.map { ($0.key, $0.version) }))
    let json = try BenchDocument(
        environment: environment, results: taken.results, failed: taken.failed,
        turn: request.turn
    ).json()
    print(String(decoding: json, as: UTF8.self))
} catch {
    print("\(error)", to: &standardError)
    exit(1)
}

/// Brings every folder to a store; a line says why one was not promoted, the last one which were.
func bring(_ inbox: URL, to store: ModelStore) async throws {
    for name in try FileManager.default.contentsOfDirectory(atPath: inbox.path).sorted() {
        do {
            let model = try store.takeIn(inbox.appendingPathComponent(name))
            try await store.prove(model) { artifact in
                let options = RunOptions(accelerator: Accelerator(id: "cpu", name: "CPU"))
                return try await Engine().verify(
                    Candidate(artifact: artifact, options: options, backend: backends[0]))
            }
        } catch {
            print("\(name): \(error)")
        }
    }
    print("promoted: \(store.promoted().map(\.name).joined(separator: " "))")
}

struct StandardError: TextOutputStream {
    mutating func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}
nonisolated(unsafe) var standardError = StandardError()

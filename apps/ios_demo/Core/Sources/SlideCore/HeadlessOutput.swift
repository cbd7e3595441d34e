import Foundation

/// The files of a headless start, in a folder that a script can read: the document, or the reason
/// why there is none.
public struct HeadlessOutput: Sendable {
    public static let errors = "slidemeasure-error.txt"

    private let url: URL
    private let folder: URL

    /// In the app's Documents; a game loop has a folder of its own there.
    public init(of url: URL, documents: URL) {
        self.url = url
        folder = Farm.isLoop(url) ? documents.appendingPathComponent(Farm.folder) : documents
    }

    /// Writes the document that `measure` gives for the address, and returns its file. Whatever
    /// happens, no file of an earlier start is left. A failure is thrown, and its reason is in
    /// `errors`.
    public func answer(
        isolation: isolated (any Actor)? = #isolation,
        by measure: (HeadlessRequest) async throws -> BenchDocument
    ) async throws -> URL {
        let errors = folder.appendingPathComponent(errorsName)
        let files = FileManager.default
        try? files.createDirectory(at: folder, withIntermediateDirectories: true)
        // First, so that nobody mistakes an earlier start's files for this one's.
        try? files.removeItem(at: errors)
        if let output = HeadlessRequest.output(url) {
            try? files.removeItem(at: folder.appendingPathComponent(output))
        }
        do {
            let request = try HeadlessRequest(url)
            let file = folder.appendingPathComponent(request.output)
            try await measure(request).write(to: file)
            return file
        } catch {
            let reason = Data(Self.failed(error).utf8)
            try? reason.write(to: errors, options: .atomic)
            throw error
        }
    }

    /// A farm runs several loops, and fetches their files at the end: each has errors of its own.
    private var errorsName: String {
        guard Farm.isLoop(url), let output = HeadlessRequest.output(url) else { return Self.errors }
        return "\((output as NSString).deletingPathExtension)-error.txt"
    }

    /// What standard output and the file of errors say of a headless start that failed.
    public static func failed(_ error: any Error) -> String {
        "slidemeasure: failed: \(error.localizedDescription)"
    }
}

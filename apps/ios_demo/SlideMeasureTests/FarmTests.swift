import Foundation
import SlideCore
import XCTest

@testable import SlideMeasure

/// For device farms, which run XCTest (docs/device-farms.md).
@MainActor
final class FarmTests: XCTestCase {
    /// Measures what the environment's SLIDE_ADDRESS asks for; without it, as the first game loop.
    /// The document is attached, and lies in the app's Documents.
    func testMeasures() async throws {
        let asked = ProcessInfo.processInfo.environment["SLIDE_ADDRESS"]
        let address = try XCTUnwrap(URL(string: asked ?? "\(Farm.scheme)://"))
        let file = try await AppModel().answer(address)
        let attachment = XCTAttachment(
            data: try Data(contentsOf: file), uniformTypeIdentifier: "public.json")
        attachment.name = file.lastPathComponent
        attachment.lifetime = .keepAlways
        add(attachment)
    }

    /// XCTest's own clock beside ours: ten inferences of the first artifact where it runs by default.
    func testTenInferences() async throws {
        let app = AppModel()
        await app.openLibrary()
        let artifact = try XCTUnwrap(app.artifacts.first)
        let backend = try XCTUnwrap(app.backend(for: artifact))
        let accelerator = try XCTUnwrap(backend.accelerators(for: artifact.manifest).first)
        _ = try await backend.prepare(artifact)
        let model = try backend.load(artifact, RunOptions(accelerator: accelerator))
        try model.setInput(artifact.golden(0))
        measure(metrics: [XCTClockMetric(), XCTCPUMetric(), XCTMemoryMetric()]) {
            for _ in 0..<10 {
                do { try model.run() } catch { XCTFail(error.localizedDescription) }
            }
        }
    }
}

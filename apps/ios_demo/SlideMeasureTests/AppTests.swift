import Foundation
import SlideCore
import Testing
import UIKit

@testable import SlideMeasure

/// What needs Apple's frameworks; everything else is tested in Core, without a simulator.
@MainActor
struct AppTests {
    @Test func embeddedArtifactsAreUsable() async {
        let app = AppModel()
        await app.openLibrary()
        for entry in app.library?.artifacts ?? [] {
            #expect(entry.whyNot == nil, "\(entry.folder)")
        }
    }

    @Test func everyRuntimeIsLinked() {
        #expect(AppModel().backends.map(\.key) == ["coreml", "executorch"])
    }

    @Test func orientationsAreExifs() {
        let known: [(UIImage.Orientation, Int)] = [
            (.up, 1), (.upMirrored, 2), (.down, 3), (.downMirrored, 4),
            (.leftMirrored, 5), (.right, 6), (.rightMirrored, 7), (.left, 8),
        ]
        for (orientation, exif) in known { #expect(orientation.exif == exif) }
    }

    @Test func acceleratorsHaveOneNameInTheDocument() {
        let names = CoreMLUnits.allCases.map(\.accelerator.id)
        #expect(names == ["all", "ane", "gpu", "cpu"])
        for unit in CoreMLUnits.allCases { #expect(CoreMLUnits(unit.accelerator) == unit) }
    }

    /// The parity capsule of everything embedded, on everything that it may run on.
    @Test func embeddedArtifactsVerify() async throws {
        let app = AppModel()
        await app.openLibrary()
        for artifact in app.artifacts where artifact.hasLogits {
            let backend = try #require(app.backend(for: artifact))
            for accelerator in backend.accelerators(for: artifact.manifest) {
                let candidate = Candidate(
                    artifact: artifact, options: RunOptions(accelerator: accelerator),
                    backend: backend)
                let verdicts = try await app.model(candidate).verify()
                let failed = verdicts.filter { !$0.passed }
                #expect(failed == [], "\(artifact.folder) on \(accelerator.id)")
            }
        }
    }
}

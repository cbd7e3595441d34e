import Foundation
import Testing

@testable import SlideCore

/// What Python, Swift and Kotlin must accept and refuse: apps/conformance/artifact_vectors.py.
struct ConformanceTests {
    private struct Documents: Decodable {
        let accepted: [Document]
        let refused: [Document]
    }

    private struct Document: Decodable {
        let name: String
        let text: String
        let says: String?  // a part of the refusal
    }

    private struct Paths: Decodable {
        let accepted: [String]
        let refused: [String]
    }

    private struct Images: Decodable {
        let accepted: [Image]
        let refused: [Image]
    }

    private struct Image: Decodable {
        let name: String
        let height: Int
        let width: Int
        let ppm: String  // base64
    }

    @Test func manifests() throws {
        let documents = try Conformance.read("manifests.json", as: Documents.self)
        try agree(documents) { _ = try Manifest(json: $0) }
    }

    @Test func indexes() throws {
        let documents = try Conformance.read("indexes.json", as: Documents.self)
        try agree(documents) { _ = try ArtifactLibrary.Index.entries($0) }
    }

    private func agree(_ documents: Documents, read: (Data) throws -> Void) throws {
        for document in documents.accepted {
            #expect(throws: Never.self, "\(document.name)") { try read(Data(document.text.utf8)) }
        }
        for document in documents.refused {
            do {
                try read(Data(document.text.utf8))
                Issue.record("\(document.name) was accepted")
            } catch let error as NotUsable {
                let says = document.says ?? ""
                #expect(error.description.hasSuffix(says), "\(document.name): \(error)")
            }
        }
    }

    @Test func paths() throws {
        let paths = try Conformance.read("paths.json", as: Paths.self)
        for path in paths.accepted { #expect(Manifest.isPath(path), "\(path)") }
        for path in paths.refused { #expect(!Manifest.isPath(path), "\(path)") }
    }

    @Test func goldenImages() throws {
        let images = try Conformance.read("ppm.json", as: Images.self)
        for image in images.accepted {
            let data = try #require(Data(base64Encoded: image.ppm))
            let raster = try Raster(ppm: data, height: image.height, width: image.width)
            #expect(raster.rgb == Array(data.suffix(image.height * image.width * 3)))
        }
        for image in images.refused {
            let data = try #require(Data(base64Encoded: image.ppm))
            #expect(throws: NotUsable.self, "\(image.name)") {
                try Raster(ppm: data, height: image.height, width: image.width)
            }
        }
    }
}

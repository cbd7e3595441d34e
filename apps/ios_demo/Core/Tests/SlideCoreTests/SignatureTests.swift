import Foundation
import Testing

@testable import SlideCore

/// Signatures by the real model-signing, and forged ones: apps/conformance/signature_vectors.py.
struct SignatureTests {
    struct Cases: Decodable { let cases: [Case] }

    struct Case: Decodable {
        let name: String
        let files: [String: String]
        let signature: String?
        let keys: [String]
        let status: String
        let reason: String?

        var trusted: TrustedKeys {
            get throws {
                try keys.isEmpty ? .none : TrustedKeys(pem: keys.joined(separator: "\n"))
            }
        }

        func folder() throws -> URL {
            let root = FileManager.default.temporaryDirectory
                .appendingPathComponent(UUID().uuidString)
            var all = files
            all["model.sig"] = signature
            for (name, text) in all {
                let url = root.appendingPathComponent(name)
                try FileManager.default.createDirectory(
                    at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
                try Data(text.utf8).write(to: url)
            }
            return root
        }
    }

    func cases() throws -> [Case] {
        try Conformance.read("signatures.json", as: Cases.self).cases
    }

    func signed() throws -> Case {
        try #require(cases().first { $0.name == "prime256v1" })
    }

    @Test func foldersAreWhatTheVectorsSay() throws {
        for one in try cases() {
            var (status, reason): (String, String?)
            do {
                switch try one.trusted.vouch(for: one.folder()) {
                case .authentic: (status, reason) = ("authentic", nil)
                case .unsigned: (status, reason) = ("unsigned", nil)
                case .unchecked: (status, reason) = ("unchecked", nil)
                }
            } catch let error as NotUsable {
                let words = error.description
                #expect(words.hasPrefix("forged: "))
                (status, reason) = ("forged", String(words.dropFirst("forged: ".count)))
            }
            #expect(status == one.status, "\(one.name): \(reason ?? status)")
            #expect(reason == one.reason, "\(one.name)")
        }
    }

    @Test func aKeyIsNamedAsModelSigningNamesIt() throws {
        let one = try signed()
        let json = try #require(one.signature).data(using: .utf8)
        let bundle = try JSONSerialization.jsonObject(with: #require(json)) as? [String: Any]
        let material = bundle?["verificationMaterial"] as? [String: Any]
        let hint = (material?["publicKey"] as? [String: Any])?["hint"] as? String
        #expect(try one.trusted.vouch(for: one.folder()) == .authentic(key: #require(hint)))
    }

    @Test func aKnownDigestIsComparedToo() throws {
        let one = try signed()
        let known = ["labels.txt": String(repeating: "0", count: 64)]
        #expect(throws: NotUsable("forged: labels.txt was changed")) {
            try one.trusted.vouch(for: one.folder(), known: known)
        }
    }

    @Test func whatIsNoKeyOfAKnownCurveIsRefused() {
        let (begin, end) = ("-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----")
        for pem in ["", "keys", begin + end, "\(begin)\n!!\n\(end)", "\(begin)\nAAAA\n\(end)"] {
            #expect(throws: NotUsable.self, "\(pem)") { try TrustedKeys(pem: pem) }
        }
    }

    @Test func aStoredModelKeepsItsSignature() throws {
        let brought = try ArtifactFolder(name: "model")
        try brought.write("model.sig", Data("{}".utf8))
        try brought.write("bom.cdx.json", Data("{}".utf8))
        let root = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        let open = ModelStore(root: root.appendingPathComponent("open"))
        let kept = try open.open(open.takeIn(brought.root))
        #expect(kept.provenance == .unchecked)
        let strict = ModelStore(
            root: root.appendingPathComponent("strict"), keys: try signed().trusted)
        #expect(throws: NotUsable("forged: the signature is damaged")) {
            try strict.takeIn(brought.root)
        }
        try FileManager.default.removeItem(at: brought.root.appendingPathComponent("model.sig"))
        #expect(try strict.open(strict.takeIn(brought.root)).provenance == .unsigned)
    }

    @Test func embeddedKeysHoldForTheEmbeddedArtifacts() throws {
        let folder = try ArtifactFolder()
        try folder.write("model.sig", Data("{}".utf8))
        #expect(folder.opened().artifacts.first?.artifact?.provenance == .unchecked)
        let keys = folder.library.appendingPathComponent(TrustedKeys.file)
        try Data(signed().keys.joined(separator: "\n").utf8).write(to: keys)
        #expect(folder.opened().artifacts.first?.whyNot == "forged: the signature is damaged")
        try Data("no keys".utf8).write(to: keys)
        let problem = folder.opened().problem ?? ""
        #expect(problem.hasPrefix("trusted.pem has no public key in PEM"))
    }
}

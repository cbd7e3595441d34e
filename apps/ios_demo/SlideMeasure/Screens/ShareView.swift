import SlideCore
import SwiftUI

/// Everything measured so far, as one document: `slide-mobile bench --import` reads it.
struct ShareView: View {
    @Environment(AppModel.self) private var app
    @State private var file: URL?
    @State private var problem: String?

    var body: some View {
        NavigationStack {
            List {
                if let headless = app.headless {
                    Section("Asked for by address") { Text(headless).font(.footnote) }
                }
                Section {
                    if app.results.isEmpty {
                        Text("Nothing has been measured yet")
                    } else if let file {
                        ShareLink(item: file) {
                            Label(
                                "Share \(app.results.count) results",
                                systemImage: "square.and.arrow.up")
                        }
                        Button("Forget them", role: .destructive) { app.forget() }
                    }
                    if let problem { Text(problem).foregroundStyle(.red) }
                }
                ForEach(Array(app.results.enumerated()), id: \.offset) { _, result in
                    ResultSection(result: result)
                }
            }
            .navigationTitle("Share")
            .task(id: app.measurements.revision) { await write() }
        }
    }

    private func write() async {
        do {
            let target = FileManager.default.temporaryDirectory
                .appendingPathComponent("slide-measurements.json")
            try await app.document.write(to: target)
            (file, problem) = (target, nil)
        } catch {
            (file, problem) = (nil, error.localizedDescription)
        }
    }
}

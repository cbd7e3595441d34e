import SlideCore
import SwiftUI

@main
struct SlideMeasureApp: App {
    @State private var app = AppModel()
    @Environment(\.scenePhase) private var phase

    var body: some Scene {
        WindowGroup {
            ContentView()
                .environment(app)
                .task { await app.openLibrary() }
                .onOpenURL { url in app.begin { await app.runHeadless(url) } }
                .onChange(of: phase) { _, phase in
                    if phase == .background { app.stop() }
                }
        }
    }
}

import SlideCore
import SwiftUI

@main
struct SlideMeasureApp: App {
    @State private var app = AppModel()

    var body: some Scene {
        WindowGroup {
            ContentView()
                .environment(app)
                .task { await app.openLibrary() }
                .onOpenURL { url in
                    Task { await app.runHeadless(url) }
                }
        }
    }
}

import SwiftUI

struct ContentView: View {
    @Environment(AppModel.self) private var app

    var body: some View {
        TabView {
            ModelsView().tabItem { Label("Models", systemImage: "shippingbox") }
            MeasureView().tabItem { Label("Measure", systemImage: "stopwatch") }
            VerifyView().tabItem { Label("Verify", systemImage: "checkmark.seal") }
            TryView().tabItem { Label("Try", systemImage: "camera") }
            ShareView().tabItem { Label("Share", systemImage: "square.and.arrow.up") }
        }
    }
}

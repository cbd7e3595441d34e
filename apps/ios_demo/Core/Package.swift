// swift-tools-version: 6.0
// The part of the app that needs no phone: Foundation only, so that it is built and tested on Linux
// too. ExecuTorch is named in the Xcode project alone; this package resolves without a network.
import PackageDescription

let package = Package(
    name: "SlideCore",
    platforms: [.iOS(.v17), .macOS(.v14)],
    products: [.library(name: "SlideCore", targets: ["SlideCore"])],
    targets: [
        .target(name: "SlideCore"),
        .testTarget(name: "SlideCoreTests", dependencies: ["SlideCore"]),
    ],
    swiftLanguageModes: [.v6]
)

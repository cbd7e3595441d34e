import PhotosUI
import SlideCore
import SwiftUI

/// A photo, its three likeliest classes, and where the milliseconds go.
struct TryView: View {
    @Environment(AppModel.self) private var app
    @State private var choice = RunChoice()
    @State private var selection: PhotosPickerItem?
    @State private var photo: UIImage?
    @State private var classification: Classification?
    @State private var problem: String?
    @State private var isCameraShown = false
    @State private var task: Task<Void, Never>?

    var body: some View {
        NavigationStack {
            List {
                RunChoiceSection(title: "Run", choice: $choice)
                Section("Photo") {
                    PhotosPicker(selection: $selection, matching: .images) {
                        Label("Choose a photo", systemImage: "photo")
                    }
                    if UIImagePickerController.isSourceTypeAvailable(.camera) {
                        Button {
                            isCameraShown = true
                        } label: {
                            Label("Take a photo", systemImage: "camera")
                        }
                    }
                    if let photo {
                        Image(uiImage: photo)
                            .resizable()
                            .aspectRatio(contentMode: .fit)
                            .accessibilityLabel("The chosen photo")
                    }
                }
                outcome
            }
            .navigationTitle("Try")
            .onChange(of: selection) { _, item in begin { await open(item) } }
            .sheet(isPresented: $isCameraShown) {
                CameraPicker { image in begin { await classify(image) } }
            }
        }
    }

    @ViewBuilder private var outcome: some View {
        if let problem {
            Section { Label(problem, systemImage: "xmark.octagon").foregroundStyle(.red) }
        }
        if let classification {
            Section("Likeliest") {
                ForEach(classification.scores) { score in
                    LabeledContent(score.label, value: percentage(score.probability))
                }
            }
            Section("Time") {
                LabeledContent("Preprocess", value: milliseconds(classification.preprocess))
                LabeledContent("Inference", value: milliseconds(classification.inference))
                LabeledContent("Postprocess", value: milliseconds(classification.postprocess))
            }
        }
    }

    private func percentage(_ share: Double) -> String {
        share.formatted(.percent.precision(.fractionLength(1)))
    }

    /// Classifies a photo, and ends the work on the one before: its answer would come too late.
    private func begin(_ work: @escaping @MainActor () async -> Void) {
        task?.cancel()
        task = Task { await work() }
    }

    private func open(_ item: PhotosPickerItem?) async {
        guard let item else { return }
        do {
            guard let data = try await item.loadTransferable(type: Data.self),
                let image = UIImage(data: data)
            else { throw NotUsable("the photo cannot be decoded") }
            await classify(image)
        } catch {
            if !Task.isCancelled { problem = error.localizedDescription }
        }
    }

    private func classify(_ image: UIImage) async {
        guard !Task.isCancelled else { return }
        (photo, classification, problem) = (image, nil, nil)
        guard let candidate = choice.candidate(in: app) else { return }
        do {
            // Drawing twelve million pixels takes longer than a frame.
            let decoded = try await Task.detached { try Photo(image) }.value
            let found = try await app.model(candidate).predict(
                decoded.raster, exifOrientation: decoded.exifOrientation)
            if !Task.isCancelled { classification = found }
        } catch {
            if !Task.isCancelled { problem = error.localizedDescription }
        }
    }
}

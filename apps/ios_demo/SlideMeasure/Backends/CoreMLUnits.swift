import SlideCore

/// What Core ML may compute on, and how a .pte's options name it (ExecuTorch's Core ML delegate,
/// ETCoreMLStrings.mm of v1.4.1).
enum CoreMLUnits: String, CaseIterable {
    case all
    case ane = "cpu_and_ne"
    case gpu = "cpu_and_gpu"
    case cpu = "cpu_only"

    var accelerator: Accelerator {
        switch self {
        case .all: Accelerator(id: "all", name: "All")
        case .ane: Accelerator(id: "ane", name: "Neural Engine and CPU")
        case .gpu: Accelerator(id: "gpu", name: "GPU and CPU")
        case .cpu: Accelerator(id: "cpu", name: "CPU")
        }
    }

    init(_ accelerator: Accelerator) {
        self = Self.allCases.first { $0.accelerator == accelerator } ?? .all
    }
}

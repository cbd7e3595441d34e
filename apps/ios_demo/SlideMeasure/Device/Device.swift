import Foundation
import SlideCore
import UIKit

/// What this phone reports about itself.
enum Device {
    static let probe = DeviceProbe(
        thermalState: { ThermalState(ProcessInfo.processInfo.thermalState) },
        peakMemory: {
            let bytes = slide_peak_memory()
            return bytes == 0 ? nil : Int(bytes)
        })

    @MainActor
    static func environment(backends: [any Backend]) -> BenchEnvironment {
        let process = ProcessInfo.processInfo
        let version = Bundle.main.object(forInfoDictionaryKey: "CFBundleShortVersionString")
        return BenchEnvironment(
            device: String(cString: slide_machine_name()),
            os: UIDevice.current.systemName,
            osVersion: UIDevice.current.systemVersion,
            cpu: "",  // no public name; the device's says which chip it has
            cores: process.processorCount,
            memoryBytes: Int(process.physicalMemory),
            appVersion: version as? String ?? "unknown",
            created: Date(),
            runtimes: Dictionary(
                backends.map { ($0.key, $0.version) }, uniquingKeysWith: { first, _ in first }))
    }
}

extension ThermalState {
    init(_ state: ProcessInfo.ThermalState) {
        switch state {
        case .nominal: self = .nominal
        case .fair: self = .fair
        case .serious: self = .serious
        case .critical: self = .critical
        @unknown default: self = .unknown
        }
    }
}

import Foundation
import SlideCore
import UIKit

/// What this phone reports about itself.
enum Device {
    /// The battery is looked at here, on the main thread, where UIKit tells of it.
    @MainActor
    static func probe() -> DeviceProbe {
        let device = UIDevice.current
        device.isBatteryMonitoringEnabled = true
        let level = device.batteryLevel  // -1: not known, as on a simulator
        let charge = level < 0 ? nil : Int((100 * level).rounded())
        let charging: Bool? =
            switch device.batteryState {
            case .charging, .full: true
            case .unplugged: false
            default: nil
            }
        return DeviceProbe(
            condition: {
                Condition(
                    powerSaver: ProcessInfo.processInfo.isLowPowerModeEnabled,
                    chargePercent: charge, charging: charging,
                    thermal: ThermalState(ProcessInfo.processInfo.thermalState),
                    debuggable: isDebugged, emulator: isSimulator)
            },
            peakMemory: {
                let bytes = slide_peak_memory()
                return bytes == 0 ? nil : Int(bytes)
            },
            memory: {
                var most: UInt64 = 0
                let now = slide_footprint(&most)
                return now == 0 ? nil : (now: Int(now), most: most == 0 ? nil : Int(most))
            },
            osBuild: String(cString: slide_os_build()))
    }

    /// A debug build, or one with a debugger: both are measured, too.
    private static var isDebugged: Bool {
        #if DEBUG
            true
        #else
            slide_is_traced()
        #endif
    }

    private static var isSimulator: Bool {
        #if targetEnvironment(simulator)
            true
        #else
            false
        #endif
    }

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

import Foundation

/// What the device says of itself before a measurement; nil is what it does not say.
public struct Condition: Equatable, Sendable {
    public var powerSaver: Bool?
    public var chargePercent: Int?
    public var charging: Bool?
    public var thermal: ThermalState
    public var debuggable: Bool
    public var emulator: Bool

    public init(
        powerSaver: Bool?, chargePercent: Int?, charging: Bool?, thermal: ThermalState,
        debuggable: Bool, emulator: Bool
    ) {
        self.powerSaver = powerSaver
        self.chargePercent = chargePercent
        self.charging = charging
        self.thermal = thermal
        self.debuggable = debuggable
        self.emulator = emulator
    }
}

/// Whether the device was fit for a measurement, and how long it was waited for. The rules are those
/// of slide_mobile/bench/device.py: apps/conformance/device.json tests it.
public struct Fitness: Codable, Equatable, Sendable {
    @OrNull public var powerSaver: Bool?
    @OrNull public var chargePercent: Int?
    @OrNull public var charging: Bool?
    public let thermal: ThermalState
    public let debuggable: Bool
    public let emulator: Bool
    public let waitedSeconds: Double
    /// Why not to measure now; empty if the device is fit.
    public let whyUnfit: [String]

    private static let leastCharge = 20

    public init(_ condition: Condition, waited: Double = 0) {
        powerSaver = condition.powerSaver
        chargePercent = condition.chargePercent
        charging = condition.charging
        thermal = condition.thermal
        debuggable = condition.debuggable
        emulator = condition.emulator
        waitedSeconds = waited
        whyUnfit = Self.reasons(condition, waited)
    }

    private static func reasons(_ condition: Condition, _ waited: Double) -> [String] {
        var reasons: [String] = []
        if condition.emulator { reasons.append("an emulator has no latency of a phone") }
        if condition.debuggable { reasons.append("the app is debuggable") }
        if condition.powerSaver == true { reasons.append("the power saver is on") }
        if let charge = condition.chargePercent, charge < leastCharge, condition.charging != true {
            reasons.append("a charge of \(charge) % is under \(leastCharge) %")
        }
        if condition.thermal.throttles {
            let seconds = String(format: "%.0f", waited)
            reasons.append("the phone is \(condition.thermal.rawValue) after \(seconds) s")
        }
        return reasons
    }

    /// Looks at the device, and again each second for at most `most`, while it is too hot.
    static func waited(
        _ probe: DeviceProbe, most: Double,
        pause: @Sendable () async throws -> Void = { try await Task.sleep(for: .seconds(1)) }
    ) async -> Fitness {
        var waited = 0.0
        var condition = probe.condition()
        while condition.thermal.throttles, waited < most, !Task.isCancelled {
            try? await pause()
            waited += 1
            condition = probe.condition()
        }
        return Fitness(condition, waited: waited)
    }
}

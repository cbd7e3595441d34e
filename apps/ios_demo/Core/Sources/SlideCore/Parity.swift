import Foundation

/// How near logits are to their reference, computed as in slide_mobile/parity/metrics.py.
public struct Parity: Equatable, Sendable {
    /// 10 log10(|ref|^2 / |ref - out|^2); nil where there is no such number: equal to the last bit
    /// (which passes), not finite or against a reference of zeros (which do not).
    public let decibels: Double?
    public let passed: Bool

    public init(reference: [Double], output: [Double], floor: Double) {
        guard reference.count == output.count, !reference.isEmpty,
            (reference + output).allSatisfy(\.isFinite)
        else {
            (decibels, passed) = (nil, false)
            return
        }
        var noise = 0.0
        var signal = 0.0
        for (expected, got) in zip(reference, output) {
            noise += (expected - got) * (expected - got)
            signal += expected * expected
        }
        if noise == 0 {
            (decibels, passed) = (nil, true)
        } else if signal == 0 {
            (decibels, passed) = (nil, false)
        } else {
            let ratio = 10 * log10(signal / noise)
            (decibels, passed) = (ratio, ratio >= floor)
        }
    }
}

package dev.slidemobile.core

/** What the device says of itself before a measurement; null is what it does not say. */
data class Condition(
    val powerSaver: Boolean?,
    val chargePercent: Int?,
    val isCharging: Boolean?,
    val thermal: Thermal,
    val isDebuggable: Boolean,
    val isEmulator: Boolean,
)

/**
 * Whether the device was fit for a measurement, and how long it was waited for. The rules are those
 * of slide_mobile/bench/device.py: apps/conformance/device.json tests it.
 */
data class Fitness(val condition: Condition, val waitedSeconds: Double) {
    /** Why not to measure now; empty if the device is fit. */
    val whyUnfit: List<String> = buildList {
        if (condition.isEmulator) add("an emulator has no latency of a phone")
        if (condition.isDebuggable) add("the app is debuggable")
        if (condition.powerSaver == true) add("the power saver is on")
        val charge = condition.chargePercent
        if (charge != null && charge < LEAST_CHARGE && condition.isCharging != true) {
            add("a charge of $charge % is under $LEAST_CHARGE %")
        }
        if (condition.thermal.isThrottled) {
            val seconds = Statistics.rounded(waitedSeconds, digits = 0)
            add("the phone is ${condition.thermal.label} after $seconds s")
        }
    }

    companion object {
        private const val LEAST_CHARGE = 20
        private const val LOOK_SECONDS = 1.0

        /** Looks at the device, and again each second for at most [most], while it is too hot. */
        fun waited(device: Device, most: Double, isCancelled: () -> Boolean): Fitness {
            var waited = 0.0
            var condition = device.condition()
            while (condition.thermal.isThrottled && waited < most && !isCancelled()) {
                device.pause(LOOK_SECONDS)
                waited += LOOK_SECONDS
                condition = device.condition()
            }
            return Fitness(condition, waited)
        }
    }
}

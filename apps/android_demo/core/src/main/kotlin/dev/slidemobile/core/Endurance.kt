package dev.slidemobile.core

/**
 * How a sustained run ended beside how it began, in medians of ten seconds: throttling is its
 * result, not its failure. As slide_mobile/bench/device.py computes it.
 */
data class Endurance(
    val firstMs: Double, val lastMs: Double, val slowdown: Double, val isThrottled: Boolean,
) {
    companion object {
        private const val WINDOW_SECONDS = 10

        /** Null if the run was too short for both windows. */
        fun of(curve: List<SecondMedian>, after: Thermal): Endurance? {
            val end = curve.lastOrNull()?.second ?: return null
            if (end + 1 < 2 * WINDOW_SECONDS) return null
            val first = curve.filter { it.second < WINDOW_SECONDS }
            if (first.isEmpty()) return null  // the first inference took longer than the window
            val last = curve.filter { it.second > end - WINDOW_SECONDS }
            val firstMs = median(first)
            val lastMs = median(last)
            val slowdown = lastMs / firstMs
            val isThrottled = slowdown > Statistics.MAX_SLOWDOWN || after.isThrottled
            return Endurance(firstMs, lastMs, slowdown, isThrottled)
        }

        private fun median(points: List<SecondMedian>): Double =
            Statistics.percentile(DoubleArray(points.size) { points[it].p50Ms }, 50.0)
    }
}

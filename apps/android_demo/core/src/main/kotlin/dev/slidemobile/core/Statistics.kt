package dev.slidemobile.core

import java.math.BigDecimal
import java.math.RoundingMode
import kotlin.math.floor

/** How hot the phone reports to be; the names are those of the shared document. */
enum class Thermal(val isThrottled: Boolean = false) {
    UNKNOWN, NOMINAL, FAIR, SERIOUS(isThrottled = true), CRITICAL(isThrottled = true);

    val label: String get() = name.lowercase()
}

/** Percentiles and mean of one model's latencies, in milliseconds. */
data class Summary(
    val p50Ms: Double,
    val p90Ms: Double,
    /** Null for fewer runs than it takes: then it would be the noise of one or two. */
    val p99Ms: Double?,
    val meanMs: Double,
) {
    /** p90 over p50. */
    val spread: Double get() = p90Ms / p50Ms
}

/** The median of the inferences that ended in one second of a sustained run. */
data class SecondMedian(val second: Int, val p50Ms: Double, val runs: Int)

/**
 * Percentiles of a list of latencies, and whether the measurement is valid. Python and Swift
 * compute the same: all three are tested on apps/conformance/statistics.json.
 */
object Statistics {
    const val MIN_RUNS = 30
    private const val MAX_SPREAD = 1.10
    private const val MIN_RUNS_OF_P99 = 1000
    const val MAX_SLOWDOWN = 1.10

    /** The percentile, linear between order statistics at position (n - 1) * percent / 100. */
    fun percentile(samples: DoubleArray, percent: Double): Double =
        percentileOfSorted(samples.sortedArray(), percent)

    /** Summarizes at least one sample. */
    fun summary(samples: DoubleArray): Summary {
        val sorted = samples.sortedArray()
        return Summary(
            p50Ms = percentileOfSorted(sorted, 50.0),
            p90Ms = percentileOfSorted(sorted, 90.0),
            p99Ms =
                if (samples.size < MIN_RUNS_OF_P99) null else percentileOfSorted(sorted, 99.0),
            meanMs = samples.sum() / samples.size,
        )
    }

    /** The median of the last quarter of the runs over that of the first; null for fewer than 4. */
    fun slowdown(samples: DoubleArray): Double? {
        val quarter = samples.size / 4
        if (quarter == 0) return null
        val last = samples.copyOfRange(samples.size - quarter, samples.size)
        return percentile(last, 50.0) / percentile(samples.copyOfRange(0, quarter), 50.0)
    }

    /** The reasons why these latencies are not valid; empty if they are. */
    fun whyInvalid(samples: DoubleArray, before: Thermal, after: Thermal): List<String> {
        val reasons = mutableListOf<String>()
        if (samples.size < MIN_RUNS) reasons += tooFew(samples.size)
        val spread = if (samples.isEmpty()) null else summary(samples).spread
        if (spread != null && spread > MAX_SPREAD) {
            reasons += "spread of ${percent(spread)} % is over ${percent(MAX_SPREAD, 0)} %"
        }
        val slowdown = slowdown(samples)
        if (slowdown != null && slowdown > MAX_SLOWDOWN) {
            reasons += "slowed down by ${percent(slowdown)} %"
        }
        // A phone that is hot at either end computed with lowered clocks.
        if (before.isThrottled || after.isThrottled) {
            reasons += "throttled: from ${before.label} to ${after.label}"
        }
        return reasons
    }

    /** The same for a sustained run: to slow down in it, or to get hot, is its result. */
    fun whyInvalidSustained(samples: DoubleArray): List<String> =
        if (samples.size >= MIN_RUNS) emptyList() else listOf(tooFew(samples.size))

    private fun tooFew(runs: Int) = "$runs runs are fewer than $MIN_RUNS"

    /** The additional reason for a measurement that was stopped early. */
    fun stopped(seconds: Double): String = "stopped after ${rounded(seconds)} s"

    /** The curve; [endSeconds] count from the start. A second in which no run ends has no point. */
    fun bySecond(endSeconds: DoubleArray, samples: DoubleArray): List<SecondMedian> {
        val seconds = samples.indices.groupBy { floor(endSeconds[it]).toInt() }
        return seconds.toSortedMap().map { (second, taken) ->
            val inSecond = DoubleArray(taken.size) { samples[taken[it]] }
            SecondMedian(second, percentile(inSecond, 50.0), taken.size)
        }
    }

    private fun percentileOfSorted(sorted: DoubleArray, percent: Double): Double {
        val position = (sorted.size - 1) * percent / 100
        val below = floor(position).toInt()
        val above = minOf(below + 1, sorted.size - 1)
        return sorted[below] + (sorted[above] - sorted[below]) * (position - below)
    }

    private fun percent(ratio: Double, digits: Int = 1): String = rounded(100 * (ratio - 1), digits)

    /** As Python rounds: the exact number, half to even. String.format rounds the shortest one. */
    internal fun rounded(number: Double, digits: Int = 1): String =
        BigDecimal(number).setScale(digits, RoundingMode.HALF_EVEN).toPlainString()
}

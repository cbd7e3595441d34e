package dev.slidemobile.core

/** How long to measure: at least so many runs, and at least so many seconds. */
data class Plan(val warmupRuns: Int = 5, val runs: Int = 50, val seconds: Double = 3.0) {
    companion object {
        const val SUSTAINED_SECONDS = 60.0
    }
}

/**
 * Latencies as they are taken. One thread adds, any thread may look: it sees a prefix.
 */
class Samples {
    @Volatile private var durations = LongArray(FIRST_CAPACITY)
    @Volatile private var ends = LongArray(FIRST_CAPACITY)

    @Volatile var size = 0
        private set

    /** In nanoseconds; [end] since the start of the loop. */
    fun add(duration: Long, end: Long) {
        if (size == durations.size) {
            durations = durations.copyOf(2 * size)
            ends = ends.copyOf(2 * size)
        }
        durations[size] = duration
        ends[size] = end
        size++
    }

    fun milliseconds(): DoubleArray = milliseconds(last = size)

    /** The latencies of the [last] runs, or of all if there are fewer: a chart asks often. */
    fun milliseconds(last: Int): DoubleArray = size.let { count ->
        val from = maxOf(0, count - last)
        scaled(from, count, durations, NANOSECONDS_PER_MILLISECOND)
    }

    fun endSeconds(): DoubleArray = scaled(0, size, ends, NANOSECONDS_PER_SECOND)

    private fun scaled(from: Int, until: Int, nanoseconds: LongArray, unit: Double) =
        DoubleArray(until - from) { nanoseconds[from + it] / unit }

    private companion object {
        const val FIRST_CAPACITY = 1024
    }
}

/** A monotonic clock. It is an interface because a lambda would box every Long. */
fun interface Clock {
    fun nanoseconds(): Long

    companion object {
        val MONOTONIC = Clock { System.nanoTime() }
    }
}

/**
 * Runs models in turn and times each run. Between two runs it does nothing but store two numbers
 * and look at the clock: under 20 microseconds, which the tests measure.
 */
class MeasuringLoop(private val clock: Clock = Clock.MONOTONIC) {
    @Volatile var isCancelled = false
        private set

    fun cancel() {
        isCancelled = true
    }

    /** Fills one of [series] for each of [models]; several are interleaved run by run. */
    fun run(models: List<Inference>, plan: Plan, series: List<Samples>) {
        require(models.isNotEmpty() && models.size == series.size)
        val wanted = (plan.seconds * NANOSECONDS_PER_SECOND).toLong()
        val start = clock.nanoseconds()
        var turns = 0
        var after = start
        while (!isCancelled && (turns < plan.runs || after - start < wanted)) {
            for (index in models.indices) {
                val before = clock.nanoseconds()
                models[index].run()
                after = clock.nanoseconds()
                series[index].add(after - before, after - start)
            }
            turns++
        }
    }
}

internal const val NANOSECONDS_PER_MILLISECOND = 1e6
internal const val NANOSECONDS_PER_SECOND = 1e9

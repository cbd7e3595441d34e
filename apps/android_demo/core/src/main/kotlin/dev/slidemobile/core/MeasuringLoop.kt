package dev.slidemobile.core

import java.util.Random

/** How long to measure: at least so many runs, and at least so many seconds. */
data class Plan(
    val warmupRuns: Int = 5,
    val runs: Int = 50,
    val seconds: Double = 3.0,
    /** How long to wait for a phone that is too hot. */
    val waitSeconds: Double = 120.0,
) {
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

    fun milliseconds(): DoubleArray = scaled(durations, NANOSECONDS_PER_MILLISECOND)

    fun endSeconds(): DoubleArray = scaled(ends, NANOSECONDS_PER_SECOND)

    private fun scaled(nanoseconds: LongArray, unit: Double) =
        DoubleArray(size) { nanoseconds[it] / unit }

    private companion object {
        const val FIRST_CAPACITY = 1024
    }
}

/**
 * The order of each round: drawn at random, and turned around in the next one (ABBA or BAAB), so
 * that neither a place in the round nor a drift favors a model.
 */
class Rounds(count: Int, seed: Long) {
    val order = IntArray(count) { it }
    private val random = Random(seed)
    private var isSecond = false

    fun next() {
        if (isSecond) order.reverse() else shuffle()
        isSecond = !isSecond
    }

    private fun shuffle() {
        for (last in order.size - 1 downTo 1) {
            val other = random.nextInt(last + 1)
            order[last] = order[other].also { order[other] = order[last] }
        }
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
 * and look at the clock: under 5 microseconds, which the tests measure.
 */
class MeasuringLoop(private val clock: Clock = Clock.MONOTONIC) {
    @Volatile var isCancelled = false
        private set

    fun cancel() {
        isCancelled = true
    }

    /** Fills one of [series] for each of [models]; several take turns, in the order of [Rounds]. */
    fun run(models: List<Inference>, plan: Plan, series: List<Samples>, seed: Long = 0) {
        require(models.isNotEmpty() && models.size == series.size)
        val wanted = (plan.seconds * NANOSECONDS_PER_SECOND).toLong()
        val start = clock.nanoseconds()
        val rounds = Rounds(models.size, seed)
        var turns = 0
        var after = start
        while (!isCancelled && (turns < plan.runs || after - start < wanted)) {
            rounds.next()
            for (index in rounds.order) {
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

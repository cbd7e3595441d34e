package dev.slidemobile.core

import java.nio.ByteBuffer

/** An artifact to measure, and how to run it. */
data class Candidate(
    val artifact: Artifact,
    val backend: Backend,
    val accelerator: Accelerator,
    val threads: Int,
) {
    fun open(): Session = backend.open(artifact, accelerator, threads)
}

/** What the device reports while it measures. */
interface Device {
    fun thermal(): Thermal

    /** The most memory that this process has held; null if the system does not report it. */
    fun peakRssBytes(): Long?
}

/**
 * One measurement: load, first inference, warm-up, then the loop. Two candidates are an A/B: they
 * take turns, run by run, so that whatever disturbs the phone touches both.
 */
class Measurement(
    val candidates: List<Candidate>,
    private val plan: Plan,
    private val device: Device,
    private val isSustained: Boolean = false,
    private val clock: Clock = Clock.MONOTONIC,
) {
    /** Latencies so far, of each candidate: what a chart draws while [run] is under way. */
    val series: List<Samples> = candidates.map { Samples() }

    private val loop = MeasuringLoop(clock)

    /** Ends [run] after the current inference; any thread may call it. */
    fun cancel() = loop.cancel()

    /** Measures, and blocks: never call it on the UI's thread. Rethrows the runtime's errors. */
    fun run(): List<Result> {
        val before = device.thermal()  // loading heats, too
        val opened = ArrayList<Opened>()
        try {
            for (candidate in candidates) opened += open(candidate)
            for (one in opened) {
                one.firstMs = timed { one.session.run() }
                repeat(plan.warmupRuns) { if (!loop.isCancelled) one.session.run() }
            }
            loop.run(opened.map { it.session }, plan, series)
            val after = device.thermal()
            val isStopped = loop.isCancelled
            return opened.mapIndexed { index, one ->
                result(one, series[index], before, after, isStopped)
            }
        } finally {
            opened.forEach { it.session.close() }
        }
    }

    private class Opened(val candidate: Candidate, val session: Session, val loadMs: Double) {
        var firstMs = 0.0
    }

    private fun open(candidate: Candidate): Opened {
        val input = input(candidate.artifact)
        val start = clock.nanoseconds()
        val session = candidate.open()
        val loadMs = (clock.nanoseconds() - start) / NANOSECONDS_PER_MILLISECOND
        session.write(input)
        return Opened(candidate, session, loadMs)
    }

    /** A real image, the first golden one: zeros would make some kernels faster. */
    private fun input(artifact: Artifact): ByteBuffer {
        val input = artifact.manifest.input
        val picture = artifact.picture(artifact.manifest.golden.first())
        return Preprocessing.allocate(input).also { Preprocessing.fill(it, picture, input) }
    }

    private fun result(
        one: Opened, samples: Samples, before: Thermal, after: Thermal, isStopped: Boolean,
    ): Result {
        val milliseconds = samples.milliseconds()
        val ends = samples.endSeconds()
        val seconds = ends.lastOrNull() ?: 0.0
        val curve = Statistics.bySecond(ends, milliseconds)
        val reasons = Statistics.whyInvalid(milliseconds, before, after)
        return Result(
            candidate = one.candidate,
            acceleratorUsed = one.session.acceleratorUsed,
            warmupRuns = plan.warmupRuns,
            seconds = seconds,
            firstMs = one.firstMs,
            loadMs = one.loadMs,
            peakRssBytes = device.peakRssBytes(),
            thermalBefore = before,
            thermalAfter = after,
            samplesMs = milliseconds,
            whyInvalid = if (isStopped) reasons + Statistics.stopped(seconds) else reasons,
            sustained = curve.takeIf { isSustained },
        )
    }

    private inline fun timed(work: () -> Unit): Double {
        val start = clock.nanoseconds()
        work()
        return (clock.nanoseconds() - start) / NANOSECONDS_PER_MILLISECOND
    }
}

package dev.slidemobile.core

import java.nio.ByteBuffer

/** An artifact to measure, and how to run it. */
data class Candidate(
    val artifact: Artifact,
    val backend: Backend,
    val accelerator: Accelerator,
    val threads: Int,
    val precision: Precision = Precision.FP16,
) {
    fun open(): Session = backend.open(artifact, accelerator, threads, precision)

    /** The same on the CPU, to compare with. */
    fun onCpu() = copy(accelerator = Accelerator.CPU)

    /** Loads it and runs its golden images; throws [NotUsable] where it has no logits. */
    fun verify(): List<VerifiedImage> {
        Verification.refusal(artifact.manifest)?.let { throw NotUsable(it) }
        return open().use { Verification.run(artifact, it) }
    }

    /** Measures it alone, and blocks for some seconds: never on the UI's thread. */
    fun measure(device: Device, plan: Plan = Plan()): Result =
        Measurement(listOf(this), plan, device).run().single()
}

/**
 * One measurement: fitness, load, first inference, warm-up, then the loop. Two candidates are an
 * A/B: they take turns, so that whatever disturbs the phone touches both; a [turn] of several
 * processes changes which of them is loaded first.
 */
class Measurement(
    val candidates: List<Candidate>,
    private val plan: Plan,
    private val device: Device,
    private val isSustained: Boolean = false,
    private val clock: Clock = Clock.MONOTONIC,
    private val turn: Turn = Turn(1),
    /** Whether this process has loaded no model before: else its memory is not this one's. */
    private val isFresh: Boolean = true,
) {
    private val series: List<Samples> = candidates.map { Samples() }

    private val loop = MeasuringLoop(clock)

    /** Ends [run] after the current inference; any thread may call it. */
    fun cancel() = loop.cancel()

    /** Measures, and blocks: never call it on the UI's thread. Rethrows the runtime's errors. */
    fun run(): List<Result> {
        val fitness = Fitness.waited(device, plan.waitSeconds) { loop.isCancelled }
        val isAlone = isFresh && candidates.size == 1
        val base = if (isAlone) device.memory() else null
        val opened = arrayOfNulls<Opened>(candidates.size)
        try {
            for (place in turn.loads(candidates.size)) opened[place] = open(candidates[place])
            val all = opened.map { requireNotNull(it) }
            for (one in all) {
                one.firstMs = timed { one.session.run() }
                repeat(plan.warmupRuns) { if (!loop.isCancelled) one.session.run() }
            }
            loop.run(all.map { it.session }, plan, series, turn.seed)
            val after = device.thermal()
            val memory = memory(base, if (isAlone) device.memory() else null)
            val isStopped = loop.isCancelled
            return all.mapIndexed { index, one ->
                val around = Around(fitness, after, memory, isStopped)
                result(one, series[index], around)
            }
        } finally {
            opened.forEach { it?.session?.close() }
        }
    }

    private class Opened(
        val candidate: Candidate, val session: Session, val conversion: Conversion,
    ) {
        var firstMs = 0.0
    }

    /** What holds for all models of a measurement. */
    private class Around(
        val fitness: Fitness, val after: Thermal, val memory: Memory?, val isStopped: Boolean,
    )

    /** Loads twice: what is quick the second time was cached or made ready by the first. */
    private fun open(candidate: Candidate): Opened {
        val input = input(candidate.artifact)
        var session: Session? = null
        val coldMs = timed { session = candidate.open() }
        val made = requireNotNull(session).made
        requireNotNull(session).close()
        val warmMs = timed { session = candidate.open() }
        return requireNotNull(session).let {
            it.write(input)
            Opened(candidate, it, Conversion(made, coldMs, warmMs, device.osBuild))
        }
    }

    /** A real image, the first golden one: zeros would make some kernels faster. */
    private fun input(artifact: Artifact): ByteBuffer {
        val input = artifact.manifest.input
        val picture = artifact.picture(artifact.manifest.golden.first())
        return Preprocessing.allocate(input).also { Preprocessing.fill(it, picture, input) }
    }

    private fun memory(base: MemoryReading?, after: MemoryReading?): Memory? {
        if (base == null && after == null) return null
        val peak = listOfNotNull(base, after).maxByOrNull { it.bytes }
        return Memory(device.memoryKind, base?.bytes, peak?.bytes, peak?.graphicsBytes)
    }

    private fun result(one: Opened, samples: Samples, around: Around): Result {
        val milliseconds = samples.milliseconds()
        val ends = samples.endSeconds()
        val seconds = ends.lastOrNull() ?: 0.0
        val curve = Statistics.bySecond(ends, milliseconds).takeIf { isSustained }
        val fingerprint = if (around.isStopped) null else fingerprint(one)
        val before = around.fitness.condition.thermal
        val reasons = ArrayList(
            if (isSustained) Statistics.whyInvalidSustained(milliseconds)
            else Statistics.whyInvalid(milliseconds, before, around.after),
        )
        reasons += around.fitness.whyUnfit
        reasons += fingerprint?.whyInvalid(one.candidate.accelerator.label).orEmpty()
        if (around.isStopped) reasons += Statistics.stopped(seconds)
        return Result(
            candidate = one.candidate,
            acceleratorUsed = one.session.acceleratorUsed,
            warmupRuns = plan.warmupRuns,
            seconds = seconds,
            firstMs = one.firstMs,
            conversion = one.conversion,
            peakRssBytes = device.peakRssBytes(),
            memory = around.memory,
            fitness = around.fitness,
            thermalAfter = around.after,
            samplesMs = milliseconds,
            whyInvalid = reasons,
            sustained = curve,
            endurance = curve?.let { Endurance.of(it, around.after) },
            fingerprint = fingerprint,
        )
    }

    /** Of an accelerator, where the CPU can run the file, too. */
    private fun fingerprint(one: Opened): Fingerprint? {
        if (one.candidate.accelerator == Accelerator.CPU) return null
        val cpu = runCatching { one.candidate.onCpu().open() }.getOrNull() ?: return null
        return cpu.use { Fingerprint.take(one.candidate.artifact, one.session, it, clock) }
    }

    private inline fun timed(work: () -> Unit): Double {
        val start = clock.nanoseconds()
        work()
        return (clock.nanoseconds() - start) / NANOSECONDS_PER_MILLISECOND
    }
}

/**
 * One process of several that measure the same: a ratio is taken over processes, because where a
 * process has its memory makes a model faster or slower for as long as it lives. On the host,
 * `slide-mobile bench --import` of all their documents computes it.
 */
data class Turn(val number: Int) {
    val seed: Long get() = number.toLong()

    /** The order in which to load: each model is the first equally often. */
    fun loads(count: Int): List<Int> = List(count) { (it + number - 1) % count }
}

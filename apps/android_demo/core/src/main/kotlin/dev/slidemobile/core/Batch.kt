package dev.slidemobile.core

/**
 * Measures groups of candidates one after another; the candidates of a group take turns (A/B). A
 * group that fails is in [failures], after those that had [failed] before, and discards nothing.
 */
class Batch(
    private val groups: List<List<Candidate>>,
    private val plan: Plan,
    private val device: Device,
    private val isSustained: Boolean = false,
    private val isVerified: Boolean = false,
    failed: List<Failure> = emptyList(),
    private val turn: Turn = Turn(1),
) {
    private val measured = ArrayList<Result>()
    private val failed = ArrayList(failed)
    val results: List<Result> get() = measured
    val failures: List<Failure> get() = failed

    @Volatile private var isCancelled = false
    @Volatile private var underway: Measurement? = null

    /** Ends the current group early, and the rest are [failures]; any thread may call it. */
    fun cancel() {
        isCancelled = true
        underway?.cancel()
    }

    /** Measures, and blocks; throws [NotUsable] if nothing was measured at all. */
    fun run() {
        groups.forEachIndexed { index, group -> measure(group, isFresh = index == 0) }
        if (measured.isEmpty()) {
            val why = failed.joinToString("; ") { "${it.artifact}: ${it.error}" }
            throw NotUsable(why.ifEmpty { "no usable artifact" })
        }
    }

    private fun measure(group: List<Candidate>, isFresh: Boolean) {
        val measurement =
            Measurement(group, plan, device, isSustained, turn = turn, isFresh = isFresh)
        underway = measurement
        // A runtime may throw anything, and the document must tell its errors.
        val outcome = runCatching {
            if (isCancelled) throw NotUsable("stopped before it began")
            val taken = measurement.run()
            if (isVerified) taken.map(::verified) else taken
        }
        outcome.onSuccess { measured += it }.onFailure { error ->
            group.mapTo(failed) { Failure(it.artifact.name, error.line()) }
        }
    }

    private fun verified(result: Result): Result {
        val candidate = result.candidate
        if (Verification.refusal(candidate.artifact.manifest) != null) return result
        return result.with(candidate.verify())
    }
}

/** The first line of an error's message, for a person. */
fun Throwable.line(): String =
    message?.lineSequence()?.firstOrNull()?.takeIf { it.isNotBlank() } ?: javaClass.simpleName

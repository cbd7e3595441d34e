package dev.slidemobile.core

/**
 * Groups of candidates, measured one group after another; a group are the turns of an A/B. What
 * fails is in [failures], after what had [failed] before, and does not discard what was measured.
 */
class Batch(
    private val groups: List<List<Candidate>>,
    private val plan: Plan,
    private val device: Device,
    private val isSustained: Boolean = false,
    private val isVerified: Boolean = false,
    failed: List<Failure> = emptyList(),
) {
    private val measured = ArrayList<Result>()
    private val failed = ArrayList(failed)
    val results: List<Result> get() = measured
    val failures: List<Failure> get() = failed

    @Volatile private var isCancelled = false
    @Volatile private var underway: Measurement? = null

    /** From any thread: the group under way ends early and says so, the rest are [failures]. */
    fun cancel() {
        isCancelled = true
        underway?.cancel()
    }

    /** Blocks until it is done; throws [NotUsable] if nothing at all was measured. */
    fun run() {
        groups.forEach(::measure)
        if (measured.isEmpty()) {
            val why = failed.joinToString("; ") { "${it.artifact}: ${it.error}" }
            throw NotUsable(why.ifEmpty { "no usable artifact" })
        }
    }

    private fun measure(group: List<Candidate>) {
        val measurement = Measurement(group, plan, device, isSustained)
        underway = measurement
        // A runtime may throw anything, and its errors are what this is to tell.
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
        return candidate.open().use { result.with(Verification.run(candidate.artifact, it)) }
    }
}

/** One line of a failure, for a person. */
fun Throwable.line(): String =
    message?.lineSequence()?.firstOrNull()?.takeIf { it.isNotBlank() } ?: javaClass.simpleName

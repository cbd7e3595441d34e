package dev.slidemobile.core

/** Everything measured and verified; a verdict is attached to results of the same subject. */
class Measurements {
    var results: List<Result> = emptyList()
        private set

    // Kept even if nothing is measured yet: a person may verify first and measure afterwards.
    private val verdicts = HashMap<Candidate, List<VerifiedImage>>()

    fun add(measured: List<Result>) {
        results = results + measured.map { it.with(it.verify ?: verdicts[it.candidate]) }
    }

    fun add(candidate: Candidate, verified: List<VerifiedImage>) {
        verdicts[candidate] = verified
        results = results.map { if (it.candidate == candidate) it.with(verified) else it }
    }

    fun clear() {
        results = emptyList()
        verdicts.clear()
    }
}

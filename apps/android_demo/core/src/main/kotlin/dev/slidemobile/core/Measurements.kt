package dev.slidemobile.core

/** What was measured and verified; a verdict goes with what was measured in the same way. */
class Measurements {
    var results: List<Result> = emptyList()
        private set

    // Kept also where nothing was measured yet: whoever verifies first measures then.
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

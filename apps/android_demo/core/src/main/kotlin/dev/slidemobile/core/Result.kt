package dev.slidemobile.core

/** One model's measurement, with the verdicts of [Verification] if it was run. */
data class Result(
    val candidate: Candidate,
    val acceleratorUsed: String?,
    val warmupRuns: Int,
    val seconds: Double,
    val firstMs: Double,
    val conversion: Conversion,
    val peakRssBytes: Long?,
    val memory: Memory?,
    val fitness: Fitness,
    val thermalAfter: Thermal,
    val samplesMs: DoubleArray,
    val whyInvalid: List<String>,
    val sustained: List<SecondMedian>?,
    val endurance: Endurance?,
    val fingerprint: Fingerprint?,
    val verify: List<VerifiedImage>? = null,
) {
    val isValid: Boolean get() = whyInvalid.isEmpty()
    val thermalBefore: Thermal get() = fitness.condition.thermal

    /** Null if the measurement was cancelled before the first run. */
    val summary: Summary? = if (samplesMs.isEmpty()) null else Statistics.summary(samplesMs)

    fun with(verify: List<VerifiedImage>?) = copy(verify = verify)
}

/** What could not be measured at all, in the shared document. */
data class Failure(val artifact: String, val error: String)

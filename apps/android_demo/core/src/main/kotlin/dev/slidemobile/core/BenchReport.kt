package dev.slidemobile.core

/** The device and the software that measured. */
data class Environment(
    val device: String,
    val os: String,
    val osVersion: String,
    val cpu: String,
    val cores: Int,
    val memoryBytes: Long?,
    val appVersion: String,
    /** ISO 8601, UTC. */
    val created: String,
    val runtimes: Map<String, String>,
)

/** One model's measurement, with the verdicts of [Verification] if it was run. */
class Result(
    val candidate: Candidate,
    val acceleratorUsed: String?,
    val warmupRuns: Int,
    val seconds: Double,
    val firstMs: Double,
    val loadMs: Double,
    val peakRssBytes: Long?,
    val thermalBefore: Thermal,
    val thermalAfter: Thermal,
    val samplesMs: DoubleArray,
    val whyInvalid: List<String>,
    val sustained: List<SecondMedian>?,
    val verify: List<VerifiedImage>? = null,
) {
    val isValid: Boolean get() = whyInvalid.isEmpty()

    /** Null if the measurement was cancelled before the first run. */
    val summary: Summary? = if (samplesMs.isEmpty()) null else Statistics.summary(samplesMs)

    fun with(verify: List<VerifiedImage>?) = Result(
        candidate, acceleratorUsed, warmupRuns, seconds, firstMs, loadMs, peakRssBytes,
        thermalBefore, thermalAfter, samplesMs, whyInvalid, sustained, verify,
    )
}

/** What could not be measured at all, in the shared document. */
data class Failure(val artifact: String, val error: String)

/** The document that the app shares, as `bench --json` has it: slide_mobile/bench/documents.py. */
object BenchReport {
    const val SCHEMA_VERSION = 1

    fun json(
        environment: Environment, results: List<Result>, failures: List<Failure> = emptyList(),
    ): Map<String, Any?> {
        val medians = results.map { result -> result.summary?.p50Ms?.takeIf { result.isValid } }
        val document = mapOf(
            "schema_version" to SCHEMA_VERSION,
            "source" to "android",
            "environment" to json(environment),
            "results" to results.map(::json),
            "ratios" to Statistics.ratios(medians),
            "ratio_intervals" to null,  // only the host computes them
        )
        if (failures.isEmpty()) return document
        return document + ("failed" to failures.map(::json))
    }

    private fun json(environment: Environment) = mapOf(
        "device" to environment.device,
        "os" to environment.os,
        "os_version" to environment.osVersion,
        "cpu" to environment.cpu,
        "cores" to environment.cores,
        "memory_bytes" to environment.memoryBytes,
        "app_version" to environment.appVersion,
        "created" to environment.created,
        "runtimes" to environment.runtimes,
    )

    private fun json(result: Result): Map<String, Any?> {
        val candidate = result.candidate
        val backend = candidate.backend
        val manifest = candidate.artifact.manifest
        val summary = result.summary
        return mapOf(
            "artifact" to candidate.artifact.name,
            "model" to manifest.model,
            "target" to manifest.target,
            "precision" to manifest.precision,
            "manifest_sha256" to candidate.artifact.manifestSha256,
            "runtime" to "${backend.name} ${backend.runtimeVersion}",
            "accelerator_requested" to candidate.accelerator.label,
            "accelerator_used" to result.acceleratorUsed,
            // Only the CPU takes a number of threads.
            "threads" to candidate.threads.takeIf { candidate.accelerator.hasThreads },
            "warmup_runs" to result.warmupRuns,
            "runs" to result.samplesMs.size,
            "seconds" to result.seconds,
            "p50_ms" to summary?.p50Ms,
            "p90_ms" to summary?.p90Ms,
            "p99_ms" to summary?.p99Ms,
            "mean_ms" to summary?.meanMs,
            "first_ms" to result.firstMs,
            "load_ms" to result.loadMs,
            "peak_rss_bytes" to result.peakRssBytes,
            "partitions" to manifest.partitions,
            "delegated_ops" to manifest.delegatedOps,
            "total_ops" to manifest.totalOps,
            "thermal_before" to result.thermalBefore.label,
            "thermal_after" to result.thermalAfter.label,
            "samples_ms" to result.samplesMs.asList(),
            "valid" to result.isValid,
            "why_invalid" to result.whyInvalid,
            "sustained" to result.sustained?.map(::json),
            "verify" to result.verify?.map(::json),
        )
    }

    private fun json(failure: Failure) = mapOf(
        "artifact" to failure.artifact,
        "error" to failure.error,
    )

    private fun json(point: SecondMedian) = mapOf(
        "second" to point.second,
        "p50_ms" to point.p50Ms,
        "runs" to point.runs,
    )

    private fun json(image: VerifiedImage) = mapOf(
        "file" to image.file,
        "sqnr_db" to image.sqnrDb,
        "passed" to image.passed,
    )
}

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

/** One model's measurement, with what [Verification] found if it was asked. */
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

    /** Null if it was cancelled before the first run. */
    val summary: Summary? = if (samplesMs.isEmpty()) null else Statistics.summary(samplesMs)

    fun with(verify: List<VerifiedImage>?) = Result(
        candidate, acceleratorUsed, warmupRuns, seconds, firstMs, loadMs, peakRssBytes,
        thermalBefore, thermalAfter, samplesMs, whyInvalid, sustained, verify,
    )
}

/** What could not be measured at all, in the shared document. */
data class Failure(val artifact: String, val error: String)

/** The document that the app shares: slide_mobile/bench.schema.json, the same as `bench --json`. */
object BenchReport {
    const val SCHEMA_VERSION = 1

    fun json(
        environment: Environment, results: List<Result>, failures: List<Failure> = emptyList(),
    ): Json {
        val medians = results.map { result -> result.summary?.p50Ms?.takeIf { result.isValid } }
        val ratios = Statistics.ratios(medians)
        val document = Json.fields(
            "schema_version" to Json.of(SCHEMA_VERSION),
            "source" to Json.of("android"),
            "environment" to json(environment),
            "results" to Json.list(results, ::json),
            "ratios" to Json.list(ratios) { row -> Json.list(row) { Json.of(it) } },
            "ratio_intervals" to Json.Null,  // the bootstrap is the host's
        )
        if (failures.isEmpty()) return document
        return Json.Object(document.fields + ("failed" to Json.list(failures, ::json)))
    }

    private fun json(environment: Environment) = Json.fields(
        "device" to Json.of(environment.device),
        "os" to Json.of(environment.os),
        "os_version" to Json.of(environment.osVersion),
        "cpu" to Json.of(environment.cpu),
        "cores" to Json.of(environment.cores),
        "memory_bytes" to Json.of(environment.memoryBytes),
        "app_version" to Json.of(environment.appVersion),
        "created" to Json.of(environment.created),
        "runtimes" to Json.Object(environment.runtimes.mapValues { Json.of(it.value) }),
    )

    private fun json(result: Result): Json {
        val candidate = result.candidate
        val backend = candidate.backend
        val manifest = candidate.artifact.manifest
        val summary = result.summary
        return Json.fields(
            "artifact" to Json.of(candidate.artifact.name),
            "model" to Json.of(manifest.model),
            "target" to Json.of(manifest.target),
            "precision" to Json.of(manifest.precision),
            "manifest_sha256" to Json.of(manifest.manifestSha256),
            "runtime" to Json.of("${backend.name} ${backend.runtimeVersion}"),
            "accelerator_requested" to Json.of(candidate.accelerator.label),
            "accelerator_used" to Json.of(result.acceleratorUsed),
            // Of the CPU's; nobody sees to it on another accelerator.
            "threads" to Json.of(candidate.threads.takeIf { candidate.accelerator.hasThreads }),
            "warmup_runs" to Json.of(result.warmupRuns),
            "runs" to Json.of(result.samplesMs.size),
            "seconds" to Json.of(result.seconds),
            "p50_ms" to Json.of(summary?.p50Ms),
            "p90_ms" to Json.of(summary?.p90Ms),
            "p99_ms" to Json.of(summary?.p99Ms),
            "mean_ms" to Json.of(summary?.meanMs),
            "first_ms" to Json.of(result.firstMs),
            "load_ms" to Json.of(result.loadMs),
            "peak_rss_bytes" to Json.of(result.peakRssBytes),
            "partitions" to Json.of(manifest.partitions),
            "delegated_ops" to Json.of(manifest.delegatedOps),
            "total_ops" to Json.of(manifest.totalOps),
            "thermal_before" to Json.of(result.thermalBefore.label),
            "thermal_after" to Json.of(result.thermalAfter.label),
            "samples_ms" to Json.list(result.samplesMs.asIterable()) { Json.of(it) },
            "valid" to Json.of(result.isValid),
            "why_invalid" to Json.list(result.whyInvalid) { Json.of(it) },
            "sustained" to (result.sustained?.let { Json.list(it, ::json) } ?: Json.Null),
            "verify" to (result.verify?.let { Json.list(it, ::json) } ?: Json.Null),
        )
    }

    private fun json(failure: Failure) = Json.fields(
        "artifact" to Json.of(failure.artifact),
        "error" to Json.of(failure.error),
    )

    private fun json(point: SecondMedian) = Json.fields(
        "second" to Json.of(point.second),
        "p50_ms" to Json.of(point.p50Ms),
        "runs" to Json.of(point.runs),
    )

    private fun json(image: VerifiedImage) = Json.fields(
        "file" to Json.of(image.file),
        "sqnr_db" to Json.of(image.sqnrDb),
        "passed" to Json.of(image.passed),
    )
}

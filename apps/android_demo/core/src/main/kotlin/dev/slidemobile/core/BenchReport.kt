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

/** The document that the app shares, as `bench --json` has it: slide_mobile/bench/documents.py. */
object BenchReport {
    const val SCHEMA_VERSION = 3

    /** A [turn] is one of several processes, whose documents the host puts together. */
    fun json(
        environment: Environment,
        results: List<Result>,
        failures: List<Failure> = emptyList(),
        turn: Turn? = null,
    ): Map<String, Any?> = buildMap {
        put("schema_version", SCHEMA_VERSION)
        put("source", "android")
        put("environment", json(environment))
        put("results", results.map(::json))
        put("ratios", ratios(results))
        // One process gives no ratio that is sure: the host computes them, over several.
        put("ratio_intervals", null)
        put("comparisons", emptyList<Any?>())
        if (turn != null) put("session", json(turn, results.size))
        if (failures.isNotEmpty()) put("failed", failures.map(::json))
    }

    private fun ratios(results: List<Result>): List<List<Double?>> =
        results.mapIndexed { row, one ->
            results.indices.map { if (it == row && one.summary != null) 1.0 else null }
        }

    private fun json(turn: Turn, count: Int) = mapOf(
        "number" to turn.number,
        "first_loaded" to if (count == 0) 0 else turn.loads(count).first(),
    )

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

    private fun json(result: Result): Map<String, Any?> = buildMap {
        putAll(subject(result))
        putAll(latencies(result))
        put("thermal_before", result.thermalBefore.label)
        put("thermal_after", result.thermalAfter.label)
        put("valid", result.isValid)
        put("why_invalid", result.whyInvalid)
        put("sustained", result.sustained?.map(::json))
        put("verify", result.verify?.map(::json))
        put("fitness", json(result.fitness))
        result.memory?.let { put("memory", json(it)) }
        put("conversion", json(result.conversion))
        if (result.candidate.accelerator == Accelerator.GPU) {
            put("accelerator_precision", result.candidate.precision.label)
        }
        result.fingerprint?.let { put("fingerprint", json(it)) }
        if (result.sustained != null) put("endurance", result.endurance?.let(::json))
    }

    /** What was measured, and with what. */
    private fun subject(result: Result): Map<String, Any?> {
        val candidate = result.candidate
        val backend = candidate.backend
        val manifest = candidate.artifact.manifest
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
            "partitions" to manifest.partitions,
            "delegated_ops" to manifest.delegatedOps,
            "total_ops" to manifest.totalOps,
        )
    }

    private fun latencies(result: Result): Map<String, Any?> {
        val summary = result.summary
        return mapOf(
            "warmup_runs" to result.warmupRuns,
            "runs" to result.samplesMs.size,
            "seconds" to result.seconds,
            "p50_ms" to summary?.p50Ms,
            "p90_ms" to summary?.p90Ms,
            "p99_ms" to summary?.p99Ms,
            "mean_ms" to summary?.meanMs,
            "first_ms" to result.firstMs,
            "load_ms" to result.conversion.coldLoadMs,
            "peak_rss_bytes" to result.peakRssBytes,
            "samples_ms" to result.samplesMs.asList(),
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

    private fun json(fitness: Fitness) = mapOf(
        "power_saver" to fitness.condition.powerSaver,
        "charge_percent" to fitness.condition.chargePercent,
        "charging" to fitness.condition.isCharging,
        "thermal" to fitness.condition.thermal.label,
        "debuggable" to fitness.condition.isDebuggable,
        "emulator" to fitness.condition.isEmulator,
        "waited_seconds" to fitness.waitedSeconds,
        "why_unfit" to fitness.whyUnfit,
    )

    private fun json(memory: Memory) = mapOf(
        "kind" to memory.kind,
        "base_bytes" to memory.baseBytes,
        "peak_bytes" to memory.peakBytes,
        "graphics_bytes" to memory.graphicsBytes,
    )

    private fun json(conversion: Conversion) = mapOf(
        "kind" to conversion.made.product.label,
        "compile_ms" to conversion.made.compileMs,
        "cold_load_ms" to conversion.coldLoadMs,
        "warm_load_ms" to conversion.warmLoadMs,
        "cached" to conversion.made.isCached,
        "bytes" to conversion.made.bytes,
        "os_build" to conversion.osBuild,
        "key" to conversion.made.key,
    )

    private fun json(fingerprint: Fingerprint) = mapOf(
        "equal_to_cpu" to fingerprint.isEqualToCpu,
        "max_abs" to fingerprint.maxAbs,
        "cpu_ms" to fingerprint.cpuMs,
        "own_ms" to fingerprint.ownMs,
    )

    private fun json(endurance: Endurance) = mapOf(
        "first_ms" to endurance.firstMs,
        "last_ms" to endurance.lastMs,
        "slowdown" to endurance.slowdown,
        "throttled" to endurance.isThrottled,
    )
}

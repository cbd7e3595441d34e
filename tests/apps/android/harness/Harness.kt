package dev.slidemobile.harness

import com.google.ai.edge.litert.Environment as LiteRtEnvironment
import dev.slidemobile.core.Accelerator
import dev.slidemobile.core.ArtifactIndex
import dev.slidemobile.core.ArtifactLibrary
import dev.slidemobile.core.BenchReport
import dev.slidemobile.core.Candidate
import dev.slidemobile.core.Condition
import dev.slidemobile.core.Device
import dev.slidemobile.core.Entry
import dev.slidemobile.core.Environment
import dev.slidemobile.core.Inference
import dev.slidemobile.core.Json
import dev.slidemobile.core.Measurement
import dev.slidemobile.core.MeasuringLoop
import dev.slidemobile.core.MemoryReading
import dev.slidemobile.core.ModelStore
import dev.slidemobile.core.Plan
import dev.slidemobile.core.Preprocessing
import dev.slidemobile.core.Samples
import dev.slidemobile.core.Turn
import dev.slidemobile.core.Session
import dev.slidemobile.core.Thermal
import dev.slidemobile.core.Verification
import dev.slidemobile.backend.ExecuTorchBackend
import dev.slidemobile.backend.LiteRtBackend
import java.io.File
import java.lang.management.ManagementFactory
import java.time.Instant

/*
 * The app's core and backends, unmodified, on the JVM: what tests/apps/android runs.
 * `verify ROOT OUT`, `predict ROOT OUT`, `measure ROOT OUT`, `allocations ROOT OUT`, `overhead OUT`;
 * OUT gets the JSON.
 */

private val backends by lazy {
    listOf(
        LiteRtBackend(System.getProperty("litert.version")) { LiteRtEnvironment.create() },
        ExecuTorchBackend(System.getProperty("executorch.version")),
    )
}

private object Machine : Device {
    override fun condition() = Condition(
        powerSaver = null, chargePercent = null, isCharging = null, thermal = Thermal.UNKNOWN,
        isDebuggable = false, isEmulator = false,
    )

    override val memoryKind = "rss"

    override val osBuild: String = System.getProperty("os.version")

    override fun memory() = peakRssBytes()?.let { MemoryReading(it, null) }

    override fun peakRssBytes(): Long? = File("/proc/self/status").readLines()
        .firstOrNull { it.startsWith("VmHWM:") }
        ?.let { it.filter(Char::isDigit).toLong() * 1024 }
}

fun main(arguments: Array<String>) {
    val document = when (arguments[0]) {
        "verify" -> verify(File(arguments[1]))
        "predict" -> predict(File(arguments[1]))
        "measure" -> measure(File(arguments[1]))
        "session" -> session(File(arguments[1]), Turn(arguments[2].toInt()))
        "refusals" -> refusals(File(arguments[1]))
        "store" -> store(File(arguments[1]), File(arguments[2]))
        "allocations" -> allocations(File(arguments[1]))
        "overhead" -> overhead()
        else -> error("unknown: ${arguments[0]}")
    }
    File(arguments.last()).writeText(Json.write(document) + "\n")
}

/** Every entry of the index: why it cannot be used, or verdicts and logits of its golden images. */
private fun verify(root: File): List<Any?> = ArtifactIndex.list(root, backends).map { entry ->
    when (entry) {
        is Entry.Usable -> verify(entry)
        is Entry.NotUsable ->
            mapOf("folder" to entry.folder, "why" to entry.why)
    }
}

private fun verify(entry: Entry.Usable): Map<String, Any?> {
    val manifest = entry.artifact.manifest
    entry.backend.open(entry.artifact, Accelerator.CPU, threads = 1).use { session ->
        val images = Verification.run(entry.artifact, session)
        val tensor = Preprocessing.allocate(manifest.input)
        val logits = manifest.golden.map { golden ->
            Preprocessing.fill(tensor, entry.artifact.picture(golden), manifest.input)
            session.write(tensor)
            session.run()
            session.read(0)
        }
        return mapOf(
            "folder" to entry.folder,
            "accelerator_used" to session.acceleratorUsed,
            "images" to images.map { image ->
                mapOf(
                    "file" to image.file,
                    "sqnr_db" to image.sqnrDb,
                    "passed" to image.passed,
                )
            },
            "logits" to logits.map { row -> row.map { it.toDouble() } },
        )
    }
}

/** The likeliest class of each artifact's first golden image, as an app of one's own asks for it. */
private fun predict(root: File): Map<String, String> {
    val library = ArtifactLibrary.of(root, backends)
    return library.entries.associate { entry ->
        library.open(entry.folder, threads = 1).use { model ->
            val artifact = model.candidate.artifact
            val image = artifact.picture(artifact.manifest.golden.first())
            entry.folder to model.predict(image).scores.first().label
        }
    }
}

/** One document of an A/B of all usable artifacts: what the app would share. */
private fun measure(root: File): Map<String, Any?> {
    val usable = ArtifactIndex.list(root, backends).filterIsInstance<Entry.Usable>()
    val candidates = usable.map { Candidate(it.artifact, it.backend, Accelerator.CPU, threads = 1) }
    val results = Measurement(candidates, Plan(runs = 30, seconds = 0.2), Machine).run()
    val verified = results.map { result ->
        val candidate = result.candidate
        val images = candidate.open().use { Verification.run(candidate.artifact, it) }
        result.with(images)
    }
    return BenchReport.json(environment(), verified)
}

/** One process of several: an A/B of all usable artifacts. */
private fun session(root: File, turn: Turn): Map<String, Any?> {
    val usable = ArtifactIndex.list(root, backends).filterIsInstance<Entry.Usable>()
    val candidates = usable.map { Candidate(it.artifact, it.backend, Accelerator.CPU, threads = 1) }
    val plan = Plan(runs = 30, seconds = 0.2)
    val results = Measurement(candidates, plan, Machine, turn = turn).run()
    return BenchReport.json(environment(), results, turn = turn)
}

/** What a runtime says where it cannot compute as asked. */
private fun refusals(root: File): Map<String, Any?> {
    val usable = ArtifactIndex.list(root, backends).filterIsInstance<Entry.Usable>()
    val tflite = usable.first { it.backend is LiteRtBackend }
    val pte = usable.first { it.backend is ExecuTorchBackend }
    fun said(work: () -> Session): String? =
        runCatching { work().close() }.exceptionOrNull()?.let { it.message.orEmpty() }

    val open = pte.backend.open(pte.artifact, Accelerator.CPU, 1)
    val other = said { pte.backend.open(pte.artifact, Accelerator.CPU, 2) }
    val same = said { pte.backend.open(pte.artifact, Accelerator.CPU, 1) }
    open.close()
    return mapOf(
        "npu" to said { tflite.backend.open(tflite.artifact, Accelerator.NPU, 1) },
        "gpu" to said { tflite.backend.open(tflite.artifact, Accelerator.GPU, 1) },
        "other_threads" to other,
        "same_threads" to same,
        "other_threads_alone" to said { pte.backend.open(pte.artifact, Accelerator.CPU, 2) },
    )
}

/** Every folder of an inbox, brought to a store: why it was not promoted, or null. */
private fun store(inbox: File, root: File): Map<String, Any?> {
    val store = ModelStore(root)
    val outcomes = inbox.listFiles().orEmpty().sorted().associate { folder ->
        folder.name to runCatching {
            store.prove(store.takeIn(folder)) { artifact ->
                val entry = ArtifactIndex.usable(artifact, backends)
                entry.backend.open(artifact, Accelerator.CPU, 1).use {
                    Verification.run(artifact, it)
                }
            }
        }.exceptionOrNull()?.message
    }
    return mapOf("outcomes" to outcomes, "promoted" to store.promoted().map { it.name })
}

private fun environment(): Environment {
    val system = System.getProperties()
    return Environment(
        device = "JVM ${system["java.version"]}",
        os = system["os.name"].toString(),
        osVersion = system["os.version"].toString(),
        cpu = system["os.arch"].toString(),
        cores = Runtime.getRuntime().availableProcessors(),
        memoryBytes = null,
        appVersion = "harness",
        created = Instant.ofEpochSecond(Instant.now().epochSecond).toString(),
        runtimes = backends.associate { it.runtime to it.runtimeVersion },
    )
}

/** Bytes that a run takes from the heap, beside those of the input, by artifact. */
private fun allocations(root: File): List<Any?> {
    val usable = ArtifactIndex.list(root, backends).filterIsInstance<Entry.Usable>()
    return usable.map { entry ->
        val candidate = Candidate(entry.artifact, entry.backend, Accelerator.CPU, threads = 1)
        candidate.open().use { session ->
            session.write(Preprocessing.allocate(entry.artifact.manifest.input))
            repeat(5) { session.run() }
            val bytes = allocated { repeat(COUNTED_RUNS) { session.run() } }
            mapOf(
                "folder" to entry.folder,
                "bytes_per_run" to bytes.toDouble() / COUNTED_RUNS,
                "input_bytes" to entry.artifact.manifest.input.bytes,
            )
        }
    }
}

private inline fun allocated(work: () -> Unit): Long {
    val threads = ManagementFactory.getThreadMXBean() as com.sun.management.ThreadMXBean
    val thread = Thread.currentThread().id
    val before = threads.getThreadAllocatedBytes(thread)
    work()
    return threads.getThreadAllocatedBytes(thread) - before
}

private const val COUNTED_RUNS = 20

/** Time between runs of a model that does nothing, and bytes allocated per run. */
private fun overhead(): Map<String, Any?> {
    val runs = 20_000
    val nothing = Inference {}
    repeat(3) { MeasuringLoop().run(listOf(nothing), Plan(0, runs, 0.0), listOf(Samples())) }
    val samples = Samples()
    var elapsed = 0L
    val bytes = allocated {
        val start = System.nanoTime()
        MeasuringLoop().run(listOf(nothing), Plan(0, runs, 0.0), listOf(samples))
        elapsed = System.nanoTime() - start
    }
    val inside = samples.milliseconds().sum() * 1e6
    return mapOf(
        "runs" to samples.size,
        "overhead_us" to (elapsed - inside) / runs / 1e3,
        "whole_us" to elapsed / 1e3 / runs,
        "allocated_bytes_per_run" to bytes.toDouble() / runs,
    )
}

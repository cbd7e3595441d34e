package dev.slidemobile.harness

import com.google.ai.edge.litert.Environment as LiteRtEnvironment
import dev.slidemobile.core.Accelerator
import dev.slidemobile.core.ArtifactIndex
import dev.slidemobile.core.BenchReport
import dev.slidemobile.core.Candidate
import dev.slidemobile.core.Device
import dev.slidemobile.core.Entry
import dev.slidemobile.core.Environment
import dev.slidemobile.core.ImageDecoder
import dev.slidemobile.core.Inference
import dev.slidemobile.core.Json
import dev.slidemobile.core.Measurement
import dev.slidemobile.core.MeasuringLoop
import dev.slidemobile.core.Picture
import dev.slidemobile.core.Plan
import dev.slidemobile.core.Preprocessing
import dev.slidemobile.core.Samples
import dev.slidemobile.core.Thermal
import dev.slidemobile.core.Verification
import dev.slidemobile.core.print
import dev.slidemobile.measure.backend.ExecuTorchBackend
import dev.slidemobile.measure.backend.LiteRtBackend
import java.io.ByteArrayInputStream
import java.io.File
import java.lang.management.ManagementFactory
import java.time.Instant
import javax.imageio.ImageIO

/*
 * The app's core and backends, unmodified, on the JVM: what tests/apps/android runs.
 * `verify ROOT OUT`, `measure ROOT OUT`, `allocations ROOT OUT`, `overhead OUT`; OUT gets the JSON.
 */

private val decoder = ImageDecoder { file ->
    val image = ImageIO.read(ByteArrayInputStream(file))
    val argb = image.getRGB(0, 0, image.width, image.height, null, 0, image.width)
    Picture.ofArgb(image.height, image.width, argb)
}

private val backends by lazy {
    listOf(
        LiteRtBackend(System.getProperty("litert.version")) { LiteRtEnvironment.create() },
        ExecuTorchBackend(System.getProperty("executorch.version")),
    )
}

private object Machine : Device {
    override fun thermal() = Thermal.UNKNOWN

    override fun peakRssBytes(): Long? = File("/proc/self/status").readLines()
        .firstOrNull { it.startsWith("VmHWM:") }
        ?.let { it.filter(Char::isDigit).toLong() * 1024 }
}

fun main(arguments: Array<String>) {
    val document = when (arguments[0]) {
        "verify" -> verify(File(arguments[1]))
        "measure" -> measure(File(arguments[1]))
        "allocations" -> allocations(File(arguments[1]))
        "overhead" -> overhead()
        else -> error("unknown: ${arguments[0]}")
    }
    File(arguments.last()).writeText(document.print() + "\n")
}

/** Every entry of the index: why it cannot be used, or verdicts and logits of its golden images. */
private fun verify(root: File): Json = Json.list(ArtifactIndex.list(root, backends)) { entry ->
    when (entry) {
        is Entry.Usable -> verify(entry)
        is Entry.NotUsable ->
            Json.fields("folder" to Json.of(entry.folder), "why" to Json.of(entry.why))
    }
}

private fun verify(entry: Entry.Usable): Json {
    val manifest = entry.artifact.manifest
    entry.backend.open(entry.artifact, Accelerator.CPU, threads = 1).use { session ->
        val images = Verification.run(entry.artifact, session, decoder)
        val tensor = Preprocessing.allocate(manifest.input)
        val logits = manifest.golden.map { golden ->
            val picture = decoder.decode(entry.artifact.golden(golden))
            Preprocessing.fill(tensor, picture, manifest.input)
            session.write(tensor)
            session.run()
            session.read(0)
        }
        return Json.fields(
            "folder" to Json.of(entry.folder),
            "accelerator_used" to Json.of(session.acceleratorUsed),
            "images" to Json.list(images) { image ->
                Json.fields(
                    "file" to Json.of(image.file),
                    "sqnr_db" to Json.of(image.sqnrDb),
                    "passed" to Json.of(image.passed),
                )
            },
            "logits" to Json.list(logits) { row ->
                Json.list(row.asIterable()) { Json.of(it.toDouble()) }
            },
        )
    }
}

/** One document of an A/B of all usable artifacts: what the app would share. */
private fun measure(root: File): Json {
    val usable = ArtifactIndex.list(root, backends).filterIsInstance<Entry.Usable>()
    val candidates = usable.map { Candidate(it.artifact, it.backend, Accelerator.CPU, threads = 1) }
    val results = Measurement(candidates, Plan(runs = 30, seconds = 0.2), Machine, decoder).run()
    val verified = results.map { result ->
        val candidate = result.candidate
        val images = candidate.open().use { Verification.run(candidate.artifact, it, decoder) }
        result.with(images)
    }
    val system = System.getProperties()
    val environment = Environment(
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
    return BenchReport.json(environment, verified)
}

/** Bytes that a run takes from the heap, beside those of the input, by artifact. */
private fun allocations(root: File): Json {
    val usable = ArtifactIndex.list(root, backends).filterIsInstance<Entry.Usable>()
    return Json.list(usable) { entry ->
        val candidate = Candidate(entry.artifact, entry.backend, Accelerator.CPU, threads = 1)
        candidate.open().use { session ->
            session.write(Preprocessing.allocate(entry.artifact.manifest.input))
            repeat(5) { session.run() }
            val bytes = allocated { repeat(COUNTED_RUNS) { session.run() } }
            Json.fields(
                "folder" to Json.of(entry.folder),
                "bytes_per_run" to Json.of(bytes.toDouble() / COUNTED_RUNS),
                "input_bytes" to Json.of(entry.artifact.manifest.input.bytes),
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
private fun overhead(): Json {
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
    return Json.fields(
        "runs" to Json.of(samples.size),
        "overhead_us" to Json.of((elapsed - inside) / runs / 1e3),
        "whole_us" to Json.of(elapsed / 1e3 / runs),
        "allocated_bytes_per_run" to Json.of(bytes.toDouble() / runs),
    )
}

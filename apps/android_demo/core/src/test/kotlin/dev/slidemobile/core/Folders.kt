package dev.slidemobile.core

import java.io.File
import java.nio.ByteBuffer

/** A backend whose model gives the mean of each channel: enough to verify against. */
internal class MeansBackend : Backend {
    override val target = "means"
    override val name = "Means"
    override val runtime = "means"
    override val runtimeVersion = "1"
    var opened = 0
    var closed = 0

    override fun refusal(manifest: Manifest): String? =
        if (manifest.backend == "plain") null else "it is for ${manifest.backend}"

    override fun accelerators(manifest: Manifest) = listOf(Accelerator.CPU)

    override fun open(
        artifact: Artifact, accelerator: Accelerator, threads: Int, precision: Precision,
    ): Session {
        opened++
        return object : Session {
            private val pixels = ByteArray(artifact.manifest.input.bytes)
            private var means = FloatArray(0)
            override val acceleratorUsed = accelerator.label

            override fun write(input: ByteBuffer) {
                input.duplicate().get(pixels)
            }

            override fun run() {
                means = FloatArray(3) { channel ->
                    val plane = pixels.indices.filter { it % 3 == channel }
                    plane.map { pixels[it].toInt() and 0xff }.average().toFloat()
                }
            }

            override fun read(output: Int) = means

            override fun close() {
                closed++
            }
        }
    }
}

internal val goodCondition = Condition(
    powerSaver = false, chargePercent = 80, isCharging = false, thermal = Thermal.NOMINAL,
    isDebuggable = false, isEmulator = false,
)

/** A phone that never gets warm and does not report its memory. */
internal val coolDevice = object : Device {
    override fun condition() = goodCondition
    override fun peakRssBytes(): Long? = null
}

internal val goldenPixels = ByteArray(12) { (20 * it).toByte() }

/** Writes an artifact that MeansBackend runs; [edit] changes the text of its manifest. */
internal fun writeArtifact(root: File, name: String, edit: (String) -> String = { it }): File {
    val folder = File(root, name)
    File(folder, "golden").mkdirs()
    File(folder, "model.means").writeText("the model")
    File(folder, "labels.txt").writeText("red\ngreen\nblue\n")
    File(folder, "golden/00.ppm").writeBytes("P6\n2 2\n255\n".toByteArray() + goldenPixels)
    File(folder, "manifest.json").writeText(edit(manifestText(folder)))
    return folder
}

/** Opens an artifact with the digest that its manifest has. */
internal fun open(folder: File): Artifact =
    Artifact.open(folder, sha256(File(folder, "manifest.json").readBytes()))

internal fun writeIndex(root: File, vararg folders: String) {
    val lines = folders.map { folder ->
        val manifest = File(root, "$folder/manifest.json")
        val known = if (manifest.isFile) sha256(manifest.readBytes()) else "0".repeat(64)
        mapOf("folder" to folder, "manifest_sha256" to known)
    }
    val index = Json.write(mapOf("schema_version" to 2, "artifacts" to lines))
    File(root, ArtifactIndex.FILE).writeText(index)
}

private fun manifestText(folder: File): String {
    fun sha(name: String) = sha256(File(folder, name))
    return """
    {"schema_version": 5, "model": {"name": "means", "num_classes": 3}, "task": "classify",
     "target": "means", "precision": "fp32", "backend": "plain", "file": "model.means",
     "size_bytes": 9,
     "files": {"model.means": "${sha("model.means")}", "labels.txt": "${sha("labels.txt")}",
               "golden/00.ppm": "${sha("golden/00.ppm")}"},
     "input": {"shape": [1, 2, 2, 3], "layout": "NHWC", "dtype": "uint8"},
     "outputs": [{"name": "logits", "shape": [1, 3], "dtype": "float32"}],
     "graph": {"partitions": 1, "delegated_ops": 2, "total_ops": 3},
     "parity": {"sqnr_db": 40.5, "min_sqnr_db": 30},
     "golden": [{"file": "golden/00.ppm", "label": "red", "logits": [90.0, 110.0, 130.0]}]}
    """.trimIndent()
}

package dev.slidemobile.core

import java.io.File
import java.nio.ByteBuffer

/** A backend whose model says the mean of each channel: enough to verify against. */
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

    override fun open(artifact: Artifact, accelerator: Accelerator, threads: Int): Session {
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

/** A phone that never gets warm and does not tell its memory. */
internal val coolDevice = object : Device {
    override fun thermal() = Thermal.NOMINAL
    override fun peakRssBytes(): Long? = null
}

/** Raw RGB instead of PNG: the decoder is the platform's, not what is tested here. */
internal val rawDecoder = ImageDecoder { Picture(2, 2, it) }

internal val goldenPixels = ByteArray(12) { (20 * it).toByte() }

/** Writes an artifact that MeansBackend runs; [edit] changes the manifest before it is sealed. */
internal fun writeArtifact(root: File, name: String, edit: (String) -> String = { it }): File {
    val folder = File(root, name)
    File(folder, "golden").mkdirs()
    File(folder, "model.means").writeText("the model")
    File(folder, "labels.txt").writeText("red\ngreen\nblue\n")
    File(folder, "golden/00.png").writeBytes(goldenPixels)
    val text = edit(manifestText(folder))
    File(folder, "manifest.json").writeText(sealed(text))
    return folder
}

/** With the seal that the rest of the document has. */
internal fun sealed(text: String): String {
    val fields = (Json.parse(text) as Json.Object).fields - "manifest_sha256"
    val seal = sha256(Json.Object(fields).canonical().toByteArray())
    return Json.Object(fields + ("manifest_sha256" to Json.of(seal))).print()
}

internal fun writeIndex(root: File, vararg folders: String) {
    val lines = folders.map { folder ->
        val manifest = File(root, "$folder/manifest.json")
        val text = if (manifest.isFile) manifest.readText() else ""
        val seal = Regex("\"manifest_sha256\": \"([0-9a-f]{64})\"").find(text)?.groupValues?.get(1)
        val known = seal ?: "0".repeat(64)
        Json.fields("folder" to Json.of(folder), "manifest_sha256" to Json.of(known))
    }
    val index = Json.fields("schema_version" to Json.of(1), "artifacts" to Json.Array(lines))
    File(root, ArtifactIndex.FILE).writeText(index.print())
}

private fun manifestText(folder: File): String {
    fun sha(name: String) = sha256(File(folder, name))
    return """
    {"schema_version": 4, "model": {"name": "means", "num_classes": 3}, "task": "classify",
     "target": "means", "precision": "fp32", "backend": "plain", "file": "model.means",
     "file_sha256": "${sha("model.means")}", "size_bytes": 9,
     "labels_sha256": "${sha("labels.txt")}",
     "input": {"shape": [1, 2, 2, 3], "layout": "NHWC", "dtype": "uint8"},
     "outputs": [{"name": "logits", "shape": [1, 3], "dtype": "float32"}],
     "graph": {"partitions": 1, "delegated_ops": 2, "total_ops": 3},
     "parity": {"sqnr_db": 40.5, "min_sqnr_db": 30},
     "golden": [{"file": "golden/00.png", "sha256": "${sha("golden/00.png")}", "label": "red",
                 "logits": [90.0, 110.0, 130.0]}]}
    """.trimIndent()
}

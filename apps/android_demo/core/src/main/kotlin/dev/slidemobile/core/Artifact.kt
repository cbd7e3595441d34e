package dev.slidemobile.core

import java.io.File
import java.io.IOException
import java.security.MessageDigest

/** Why an artifact cannot be used, in one line for a person. */
class NotUsable(message: String) : Exception(message)

/** An artifact folder whose files are those that were certified. */
class Artifact(val folder: File, val manifest: Manifest, val labels: List<String>) {
    val name: String get() = folder.name
    val modelFile: File get() = File(folder, manifest.file)

    fun golden(golden: Golden): ByteArray = File(folder, golden.file).readBytes()

    companion object {
        private const val MANIFEST = "manifest.json"
        private const val LABELS = "labels.txt"

        /** Reads a folder and verifies every file of it; throws [NotUsable]. */
        fun open(folder: File): Artifact = try {
            if (!folder.isDirectory) throw NotUsable("the folder is missing")
            val manifest = Manifest.parse(present(folder, MANIFEST).readText())
            verify(folder, manifest.file, manifest.fileSha256)
            for (golden in manifest.golden) verify(folder, golden.file, golden.sha256)
            val labels = manifest.labelsSha256?.let { sha256 ->
                verify(folder, LABELS, sha256)
                File(folder, LABELS).readLines()
            }
            if (manifest.isClassifier && labels?.size != manifest.numClasses) {
                val classes = manifest.numClasses
                throw NotUsable("$LABELS has ${labels?.size} lines for $classes classes")
            }
            Artifact(folder, manifest, labels.orEmpty())
        } catch (error: IOException) {
            throw NotUsable("a file cannot be read: ${error.message}")
        }

        private fun verify(folder: File, name: String, sha256: String) {
            val found = sha256(present(folder, name))
            if (found != sha256) {
                throw NotUsable(
                    "$name was changed after it was certified: sha256 ${found.take(12)}..., " +
                        "the manifest has ${sha256.take(12)}...",
                )
            }
        }

        private fun present(folder: File, name: String): File =
            File(folder, name).also { if (!it.isFile) throw NotUsable("$name is missing") }
    }
}

internal fun sha256(bytes: ByteArray): String =
    hex(MessageDigest.getInstance("SHA-256").digest(bytes))

/** Read in pieces: a model file may be larger than the heap. */
internal fun sha256(file: File): String {
    val digest = MessageDigest.getInstance("SHA-256")
    file.inputStream().use { stream ->
        val piece = ByteArray(1 shl 16)
        while (true) {
            val count = stream.read(piece)
            if (count < 0) break
            digest.update(piece, 0, count)
        }
    }
    return hex(digest.digest())
}

private fun hex(bytes: ByteArray): String =
    bytes.joinToString("") { (it.toInt() and 0xff).toString(16).padStart(2, '0') }

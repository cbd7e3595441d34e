package dev.slidemobile.core

import java.io.File
import java.io.IOException
import java.security.MessageDigest

/** Why an artifact cannot be used, in one line for a person. */
class NotUsable(message: String) : Exception(message)

/**
 * An artifact folder whose files have the digests that its manifest lists; [manifestSha256] is over
 * the bytes of manifest.json, and [provenance] says who signed it.
 */
class Artifact(
    val folder: File,
    val manifest: Manifest,
    val manifestSha256: String,
    val labels: List<String>,
    val provenance: Provenance,
) {
    /** A stored model lies in a folder that has the digest for its name, in one with its own. */
    val name: String
        get() = if (folder.name == manifestSha256) folder.parentFile.name else folder.name
    val modelFile: File get() = File(folder, manifest.file)

    /** The pixels of a golden image, which has the size of the input; throws [NotUsable]. */
    fun picture(golden: Golden): Picture {
        val input = manifest.input
        return Picture.ofPpm(input.height, input.width, File(folder, golden.file).readBytes())
    }

    companion object {
        private const val MANIFEST = "manifest.json"

        /**
         * Reads a folder and verifies every file in it; throws [NotUsable]. [manifestSha256] is the
         * index's digest of manifest.json: nothing in the manifest is trusted before they agree. A
         * signature that none of the [keys] made is refused.
         */
        fun open(
            folder: File, manifestSha256: String, keys: TrustedKeys = TrustedKeys.NONE,
        ): Artifact = try {
            if (!folder.isDirectory) throw NotUsable("the folder is missing")
            val bytes = present(folder, MANIFEST).readBytes()
            if (sha256(bytes) != manifestSha256) {
                throw NotUsable(
                    "its manifest is not the one that was embedded: run slide-mobile embed again",
                )
            }
            val manifest = Manifest.parse(bytes)
            for ((name, sha256) in manifest.files) verify(folder, name, sha256)
            val provenance = keys.vouch(folder, manifest.files + (MANIFEST to manifestSha256))
            Artifact(folder, manifest, manifestSha256, labels(folder, manifest), provenance)
        } catch (error: IOException) {
            throw NotUsable("a file cannot be read: ${error.message}")
        }

        private fun labels(folder: File, manifest: Manifest): List<String> {
            if (!manifest.isClassifier) return emptyList()
            val labels = File(folder, Manifest.LABELS).readLines()
            if (labels.size != manifest.numClasses) {
                val classes = manifest.numClasses
                throw NotUsable("${Manifest.LABELS} has ${labels.size} lines for $classes classes")
            }
            return labels
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

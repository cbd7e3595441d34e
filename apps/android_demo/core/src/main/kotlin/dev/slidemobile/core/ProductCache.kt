package dev.slidemobile.core

import java.io.File

/** What a product of this device depends on: another file, system or runtime needs another. */
data class ProductKey(
    val manifestSha256: String,
    val osBuild: String,
    val device: String,
    /** The runtime with its version, and all that it was asked for, such as "gpu fp16". */
    val made: String,
) {
    val digest: String
        get() {
            val parts = listOf(manifestSha256, osBuild, device, made)
            return sha256(parts.joinToString("\n").toByteArray())
        }
}

/**
 * What runtimes made of files, in a folder for each key. It survives a start; what was used least
 * lately goes if all take more than [mostBytes], and what cannot be loaded is made anew.
 */
class ProductCache(private val root: File, private val mostBytes: Long) {
    /** The folder of a key, made if it is missing; nothing else writes to it. */
    fun folder(key: ProductKey): File = File(root, key.digest).also { folder ->
        if (!folder.isDirectory && !folder.mkdirs()) throw NotUsable("cannot make $folder")
        folder.setLastModified(System.currentTimeMillis())
    }

    fun has(key: ProductKey): Boolean = bytes(key) > 0

    fun bytes(key: ProductKey): Long = size(File(root, key.digest))

    fun remove(key: ProductKey) {
        File(root, key.digest).deleteRecursively()
    }

    /**
     * Loads with what is cached, and once more without it if that fails: a product may be damaged,
     * or of a system that was updated without a new build.
     */
    fun <T> loaded(key: ProductKey, load: (File) -> T): T {
        val wasThere = has(key)
        try {
            return load(folder(key))
        } catch (error: Exception) {
            remove(key)
            if (!wasThere) throw error
        }
        return load(folder(key))
    }

    /** Removes what was used least lately, but never [kept], until the rest fits. */
    fun evict(kept: ProductKey? = null) {
        val folders = root.listFiles().orEmpty().filter { it.isDirectory }
            .sortedByDescending { it.lastModified() }
            .sortedByDescending { it.name == kept?.digest }
        var total = 0L
        for (folder in folders) {
            total += size(folder)
            if (total > mostBytes && folder.name != kept?.digest) folder.deleteRecursively()
        }
    }

    private fun size(folder: File): Long =
        folder.walkTopDown().filter { it.isFile }.sumOf { it.length() }
}

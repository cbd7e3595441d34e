package dev.slidemobile.core

import java.io.File

/** One line of the list of models. */
sealed interface Entry {
    val folder: String

    data class Usable(val artifact: Artifact, val backend: Backend) : Entry {
        override val folder: String get() = artifact.name
    }

    data class NotUsable(override val folder: String, val why: String) : Entry
}

/** What `slide-mobile embed` put into the app: `index.json` and a folder for each artifact. */
object ArtifactIndex {
    const val FILE = "index.json"
    private const val SCHEMA_VERSION = 2

    // As in slide_mobile/artifact/apps.py: aapt leaves out folders that begin with an underscore.
    private val FOLDER = Regex("[A-Za-z0-9][A-Za-z0-9_.+-]*")

    internal fun isFolderName(name: String): Boolean = FOLDER.matches(name)

    /** Every folder of the index, usable or not; throws [NotUsable] if the index itself is not. */
    fun list(root: File, backends: List<Backend>): List<Entry> {
        val file = File(root, FILE)
        if (!file.isFile) return emptyList()
        val keys = TrustedKeys.beside(root)
        return lines(file.readBytes()).map { (folder, sha) ->
            entry(folder, backends) { Artifact.open(File(root, folder), sha, keys) }
        }
    }

    /** Folder and sha256 of its manifest, from the bytes of index.json; throws [NotUsable]. */
    internal fun lines(bytes: ByteArray): List<Pair<String, String>> {
        val document = try {
            Json.read(bytes)
        } catch (error: JsonError) {
            throw NotUsable("$FILE ${error.message}; run slide-mobile embed")
        }
        val fields = Fields(document, FILE)
        val version = fields.int("schema_version")
        if (version != SCHEMA_VERSION) {
            throw NotUsable(
                "$FILE has schema $version, this app reads $SCHEMA_VERSION; run slide-mobile embed",
            )
        }
        return fields.list("artifacts").map { it.text("folder") to it.text("manifest_sha256") }
    }

    private fun entry(folder: String, backends: List<Backend>, open: () -> Artifact): Entry = try {
        if (!FOLDER.matches(folder)) throw NotUsable("'$folder' is not the name of a folder")
        usable(open(), backends)
    } catch (error: NotUsable) {
        Entry.NotUsable(folder, error.message.orEmpty())
    }

    /** The artifact with what runs it; throws [NotUsable] if nothing does. */
    fun usable(artifact: Artifact, backends: List<Backend>): Entry.Usable =
        Entry.Usable(artifact, backendFor(artifact.manifest, backends))

    private fun backendFor(manifest: Manifest, backends: List<Backend>): Backend {
        val targets = backends.joinToString { it.target }
        val backend = backends.firstOrNull { it.target == manifest.target }
            ?: throw NotUsable("this app runs $targets, not ${manifest.target}")
        backend.refusal(manifest)?.let { throw NotUsable(it) }
        return backend
    }
}

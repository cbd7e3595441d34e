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
    private const val SCHEMA_VERSION = 1

    // As embed has it: aapt leaves out folders that begin with an underscore.
    private val FOLDER = Regex("[A-Za-z0-9][A-Za-z0-9_.+-]*")

    /** Every folder of the index, usable or not; throws [NotUsable] if the index itself is not. */
    fun list(root: File, backends: List<Backend>): List<Entry> {
        val file = File(root, FILE)
        if (!file.isFile) return emptyList()
        val fields = try {
            Fields(Json.parse(file.readText()), FILE)
        } catch (error: JsonError) {
            throw NotUsable("$FILE is not JSON: ${error.message}")
        }
        val version = fields.int("schema_version")
        if (version != SCHEMA_VERSION) {
            throw NotUsable("$FILE has schema $version, this app reads $SCHEMA_VERSION")
        }
        return fields.list("artifacts").map { line ->
            entry(root, line.text("folder"), line.text("manifest_sha256"), backends)
        }
    }

    private fun entry(
        root: File, folder: String, manifestSha256: String, backends: List<Backend>,
    ): Entry = try {
        if (!FOLDER.matches(folder)) throw NotUsable("'$folder' is not the name of a folder")
        val artifact = Artifact.open(File(root, folder))
        if (artifact.manifest.manifestSha256 != manifestSha256) {
            throw NotUsable("its manifest is not the one that was embedded")
        }
        Entry.Usable(artifact, backendFor(artifact.manifest, backends))
    } catch (error: NotUsable) {
        Entry.NotUsable(folder, error.message.orEmpty())
    }

    private fun backendFor(manifest: Manifest, backends: List<Backend>): Backend {
        val targets = backends.joinToString { it.target }
        val backend = backends.firstOrNull { it.target == manifest.target }
            ?: throw NotUsable("this app runs $targets, not ${manifest.target}")
        backend.refusal(manifest)?.let { throw NotUsable(it) }
        return backend
    }
}

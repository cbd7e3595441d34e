package dev.slidemobile.core

import java.io.File
import java.io.IOException

/** A model that came to the phone after the app was built. */
data class StoredModel(val name: String, val manifestSha256: String)

/** Why a model is not, or no longer, promoted. */
data class Refused(val name: String, val why: String)

/**
 * Models that are brought to the app: taken in, verified, proved on this phone, and promoted; or
 * rejected, and the last good one stays. `NAME/SHA256/` is an artifact, and `NAME/promoted` has the
 * digests of the promoted one and of the one before it, a line each. `NAME/proving` has the digest
 * of one that is being proved: if it is still there at the next start, that ended the app.
 */
class ModelStore(private val root: File, private val keys: TrustedKeys = TrustedKeys.NONE) {
    /**
     * Copies the artifact in a folder, with the files that its manifest lists, its signature and
     * what that signs besides, and verifies the copy; throws [NotUsable]. It is not promoted yet.
     */
    fun takeIn(folder: File): StoredModel {
        val name = folder.name
        if (!ArtifactIndex.isFolderName(name)) {
            throw NotUsable("'$name' is not the name of a folder")
        }
        val manifest = File(folder, MANIFEST)
        if (!manifest.isFile) throw NotUsable("$MANIFEST is missing")
        if (manifest.length() > MOST_MANIFEST_BYTES) throw NotUsable("$MANIFEST is too large")
        val bytes = manifest.readBytes()
        val model = StoredModel(name, sha256(bytes))
        val listed = Manifest.parse(bytes).files.keys + MANIFEST
        val isSigned = File(folder, ModelSignature.FILE).exists()
        val signed = SIGNED.filter { isSigned && File(folder, it).exists() }
        val aside = File(root, INCOMPLETE)
        try {
            aside.deleteRecursively()
            for (file in listed + signed) copy(File(folder, file), File(aside, file))
            Artifact.open(aside, model.manifestSha256, keys)
            val target = folder(model)
            target.deleteRecursively()
            target.parentFile?.mkdirs()
            if (!aside.renameTo(target)) throw NotUsable("cannot keep $name")
        } catch (error: IOException) {
            throw NotUsable("a file cannot be read: ${error.message}")
        } finally {
            aside.deleteRecursively()
        }
        return model
    }

    /** Every file of it is verified again; throws [NotUsable]. */
    fun open(model: StoredModel): Artifact =
        Artifact.open(folder(model), model.manifestSha256, keys)

    /** The promoted model of each name whose files are whole: else the one before it. */
    fun promoted(): List<StoredModel> = names().mapNotNull { name ->
        history(name).firstOrNull { model -> runCatching { open(model) }.isSuccess }
    }

    /**
     * Runs the parity capsule of a model that was taken in. It is promoted if every image passes;
     * else it is removed, its name keeps the last good one, and the reason is thrown.
     */
    fun prove(model: StoredModel, prove: (Artifact) -> List<VerifiedImage>) {
        val underway = File(File(root, model.name), PROVING)
        underway.writeText(model.manifestSha256)
        val why = try {
            val images = prove(open(model))
            val missed = images.count { !it.passed }
            if (missed == 0) null else "$missed of ${images.size} golden images are under the floor"
        } catch (error: Exception) {
            error.line()
        } finally {
            underway.delete()
        }
        if (why == null) {
            promote(model)
        } else {
            remove(model)
            throw NotUsable("${model.name} is not promoted: $why")
        }
    }

    /**
     * To be called at each start: removes a model whose proof ended the app, and after an update of
     * the system proves what was promoted again. Returns why a model is no longer there.
     */
    fun recover(osBuild: String, prove: (Artifact) -> List<VerifiedImage>): List<Refused> {
        val crashed = names().mapNotNull(::crashed)
        val build = File(root, PROVED_ON)
        if (build.isFile && build.readText() == osBuild) return crashed
        val failed = names().flatMap { provedAgain(it, prove) }
        root.mkdirs()
        build.writeText(osBuild)
        return crashed + failed
    }

    private fun crashed(name: String): Refused? {
        val underway = File(File(root, name), PROVING)
        if (!underway.isFile) return null
        remove(StoredModel(name, underway.readText()))
        underway.delete()
        return Refused(name, "$name is not promoted: it ended the app")
    }

    /** Until one passes: the promoted model, and then the one before it. */
    private fun provedAgain(name: String, prove: (Artifact) -> List<VerifiedImage>): List<Refused> {
        val refused = ArrayList<Refused>()
        while (true) {
            val model = promoted().firstOrNull { it.name == name } ?: return refused
            try {
                prove(model, prove)
                return refused
            } catch (error: NotUsable) {
                refused += Refused(name, error.line())
            }
        }
    }

    /** Takes a model back, which no longer computes what it did; the one before it is promoted. */
    fun rollBack(model: StoredModel): StoredModel? {
        remove(model)
        return promoted().firstOrNull { it.name == model.name }
    }

    private fun promote(model: StoredModel) {
        val kept = (listOf(model) + history(model.name)).distinct().take(KEPT)
        write(model.name, kept)
        val others = File(root, model.name).listFiles().orEmpty().filter { it.isDirectory }
        for (other in others) {
            if (kept.none { it.manifestSha256 == other.name }) other.deleteRecursively()
        }
    }

    private fun remove(model: StoredModel) {
        write(model.name, history(model.name) - model)
        folder(model).deleteRecursively()
    }

    private fun names(): List<String> = root.listFiles().orEmpty()
        .filter { it.isDirectory && ArtifactIndex.isFolderName(it.name) }.map { it.name }.sorted()

    private fun history(name: String): List<StoredModel> {
        val file = File(File(root, name), PROMOTED)
        if (!file.isFile) return emptyList()
        return file.readLines().filter { SHA256.matches(it) }.map { StoredModel(name, it) }
    }

    private fun write(name: String, models: List<StoredModel>) {
        val file = File(File(root, name), PROMOTED)
        val aside = File(file.path + ".incomplete")
        aside.writeText(models.joinToString("") { "${it.manifestSha256}\n" })
        if (!aside.renameTo(file)) throw NotUsable("cannot write $file")
    }

    private fun folder(model: StoredModel) = File(File(root, model.name), model.manifestSha256)

    private fun copy(source: File, target: File) {
        if (!source.isFile) throw NotUsable("${source.name} is missing")
        target.parentFile?.mkdirs()
        source.copyTo(target)
    }

    private companion object {
        const val MANIFEST = "manifest.json"
        const val PROMOTED = "promoted"
        const val PROVING = "proving"
        const val PROVED_ON = "proved-on"
        const val INCOMPLETE = ".incomplete"
        const val MOST_MANIFEST_BYTES = 1L shl 25
        const val KEPT = 2

        // As in slide_mobile/artifact/folder.py: what made the file, and what the labs found.
        val SIGNED = listOf("bom.cdx.json", "lab.json", ModelSignature.FILE)
        val SHA256 = Regex("[0-9a-f]{64}")
    }
}

package dev.slidemobile

import android.content.Context
import android.content.res.AssetManager
import dev.slidemobile.core.ArtifactIndex
import java.io.File
import java.io.FileNotFoundException

/**
 * The embedded artifacts as files: runtimes map a model from a file, and an asset is not one. They
 * are copied once for each installed version of the app, first to a folder aside: a copy is whole.
 */
class ArtifactStore(private val context: Context) {
    /** The folder with index.json; empty if nothing was embedded. */
    fun root(): File {
        val installed = context.packageManager.getPackageInfo(context.packageName, 0).lastUpdateTime
        val root = File(context.filesDir, "artifacts-$installed")
        if (root.isDirectory) return root
        for (old in context.filesDir.listFiles().orEmpty()) {
            if (old.name.startsWith("artifacts-")) old.deleteRecursively()
        }
        val aside = File(context.filesDir, "artifacts-incomplete")
        aside.mkdirs()
        copy(context.assets, ASSETS, aside)
        check(aside.renameTo(root)) { "cannot rename $aside" }
        return root
    }

    private fun copy(assets: AssetManager, path: String, target: File) {
        val names = assets.list(path).orEmpty()
        for (name in names) {
            val file = File(target, name)
            try {
                assets.open("$path/$name").use { asset ->
                    file.outputStream().use { asset.copyTo(it) }
                }
            } catch (_: FileNotFoundException) {
                file.mkdirs()  // assets have no type for folders, but none can be opened
                copy(assets, "$path/$name", file)
            }
        }
    }

    private companion object {
        /** Where `slide-mobile embed` puts them; beside [ArtifactIndex.FILE]. */
        const val ASSETS = "artifacts"
    }
}

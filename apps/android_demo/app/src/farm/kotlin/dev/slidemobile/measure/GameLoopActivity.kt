package dev.slidemobile.measure

import android.content.ContentResolver
import dev.slidemobile.core.Farm
import dev.slidemobile.core.failed
import java.io.File

/**
 * A headless start by Firebase Test Lab. The lab passes the number of a scenario, and lends a file,
 * which it takes back when the activity ends; the app's own files are the same as otherwise.
 */
class GameLoopActivity : HeadlessActivity() {
    override fun extras(): Map<String, Any?> = Farm.scenario(intent.getIntExtra("scenario", 1))

    override fun answered(models: Models): File = runCatching { super.answered(models) }
        .onSuccess { lend(it.readText()) }
        .onFailure { error -> runCatching { lend("${error.failed()}\n") } }
        .getOrThrow()

    /**
     * Without a file, as by `am start`, there is nothing to write to. A path is refused: any app
     * may start this activity, and could name a file of this app.
     */
    private fun lend(text: String) {
        val file = intent.data?.takeIf { it.scheme == ContentResolver.SCHEME_CONTENT } ?: return
        val stream = contentResolver.openOutputStream(file, "wt")
        requireNotNull(stream) { "no file to write" }
        stream.use { it.write(text.toByteArray()) }
    }
}

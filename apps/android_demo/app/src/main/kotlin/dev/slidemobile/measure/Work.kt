package dev.slidemobile.measure

import android.os.Handler
import android.os.Looper
import java.util.concurrent.Executors

/**
 * One thread for everything that touches a model or a file, and the way back to the UI's thread.
 * The UI's thread never waits: it hands over a task and is called when it is done.
 */
class Work {
    private val model = Executors.newSingleThreadExecutor { task -> Thread(task, "model") }
    private val ui = Handler(Looper.getMainLooper())

    /** [done] and [failed] are called on the UI's thread. */
    fun <T> submit(task: () -> T, failed: (Throwable) -> Unit, done: (T) -> Unit) {
        model.execute {
            // The app shows whatever a runtime throws, and does not crash: that is its purpose.
            val outcome = runCatching(task)
            ui.post { outcome.fold(done, failed) }
        }
    }
}

package dev.slidemobile.measure

import android.app.Activity
import android.os.Bundle
import android.util.Log
import android.view.WindowManager
import android.widget.TextView
import dev.slidemobile.core.Batch
import dev.slidemobile.core.HeadlessOutput
import dev.slidemobile.core.HeadlessRequest
import dev.slidemobile.core.Turn
import dev.slidemobile.core.failed
import java.io.File
import java.util.concurrent.CompletableFuture

/**
 * Measures without anyone at the phone, for device farms. The intent's extras say what (README).
 * The JSON, or the reason why there is none, goes to the app's files; one line goes to the log.
 */
open class HeadlessActivity : Activity() {
    private val measure get() = application as MeasureApplication
    @Volatile private var isLeft = false

    /** The document's file, or the reason why there is none: what a test waits for. */
    val outcome = CompletableFuture<File>()

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        // The screen stays on: a phone that dozes lowers its clocks.
        window.addFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON)
        val status = TextView(this).apply { setText(R.string.measuring) }
        setContentView(status)
        if (savedInstanceState != null) return  // turned, not started again
        measure.whenModels { models ->
            measure.work.submit(
                { answered(models) },
                failed = {
                    report(status, it.failed())
                    outcome.completeExceptionally(it)
                },
                done = {
                    report(status, "DONE $it")
                    outcome.complete(it)
                },
            )
        }
    }

    /** An app that is not on the screen computes with lowered clocks. */
    override fun onStop() {
        super.onStop()
        if (isChangingConfigurations) return
        isLeft = true
        measure.headless?.cancel()
    }

    /** Measures and returns the file; on the thread of the models. */
    protected open fun answered(models: Models): File =
        HeadlessOutput(folder()).answer(::extras) { measured(it, models) }

    /** What is asked for. */
    // The deprecated get is the only one that returns an extra of any type.
    @Suppress("DEPRECATION")
    protected open fun extras(): Map<String, Any?> =
        intent.extras?.let { all -> all.keySet().associateWith { all.get(it) } }.orEmpty()

    private fun measured(request: HeadlessRequest, models: Models): String {
        val entries = when (models) {
            is Models.Ready -> models.entries
            is Models.Failed -> error(models.why)
            Models.Loading -> error("the models are not read yet")
        }
        val asked = request.groups(entries)
        val batch = Batch(
            asked.groups, request.plan, measure.slide.phone, request.isSustained,
            request.isVerified, asked.failed, request.turn ?: Turn(1),
        )
        measure.headless = batch
        if (isLeft) batch.cancel()
        batch.run()
        return measure.slide.document(batch.results, batch.failures, request.turn)
    }

    /** A folder that `adb pull` reaches without root, or else one that `run-as` reaches. */
    private fun folder(): File = getExternalFilesDir(null) ?: filesDir

    private fun report(status: TextView, line: String) {
        measure.headless = null
        Log.i(TAG, line)
        status.text = line
        finish()
    }

    private companion object {
        const val TAG = "SlideMeasure"
    }
}

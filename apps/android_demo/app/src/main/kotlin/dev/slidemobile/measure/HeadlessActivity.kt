package dev.slidemobile.measure

import android.app.Activity
import android.os.Bundle
import android.util.Log
import android.view.WindowManager
import android.widget.TextView
import dev.slidemobile.core.Batch
import dev.slidemobile.core.HeadlessRequest
import dev.slidemobile.core.Turn
import dev.slidemobile.core.line
import java.io.File

/**
 * Measures without anyone at the phone, for device farms. The intent's extras say what (README).
 * The JSON, or the reason why there is none, goes to the app's files; one line goes to the log.
 */
class HeadlessActivity : Activity() {
    private val measure get() = application as MeasureApplication
    @Volatile private var isLeft = false

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
                failed = { report(status, failed(it)) },
                done = { report(status, "DONE $it") },
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

    /** Measures and returns the file; whatever happens, no file of an earlier start is left. */
    private fun answered(models: Models): File {
        val errors = File(folder(), ERRORS)
        errors.delete()
        return runCatching {
            val extras = extras()
            HeadlessRequest.output(extras)?.let { File(folder(), it).delete() }
            measured(HeadlessRequest.of(extras), models)
        }.onFailure { error ->
            // The log gets the reason even if no file can be written.
            runCatching { errors.writeText("${failed(error)}\n") }
        }.getOrThrow()
    }

    // The deprecated get is the only one that returns an extra of any type.
    @Suppress("DEPRECATION")
    private fun extras(): Map<String, Any?> =
        intent.extras?.let { all -> all.keySet().associateWith { all.get(it) } }.orEmpty()

    private fun measured(request: HeadlessRequest, models: Models): File {
        val entries = when (models) {
            is Models.Ready -> models.entries
            is Models.Failed -> error(models.why)
            Models.Loading -> error("the models are not read yet")
        }
        val asked = request.groups(entries)
        val batch = Batch(
            asked.groups, request.plan, measure.phone, request.isSustained, request.isVerified,
            asked.failed, request.turn ?: Turn(1),
        )
        measure.headless = batch
        if (isLeft) batch.cancel()
        batch.run()
        // Aside first, so that it appears whole.
        val out = File(folder(), request.output)
        val aside = File(folder(), "${request.output}.incomplete")
        aside.writeText(measure.document(batch.results, batch.failures, request.turn))
        check(aside.renameTo(out)) { "cannot write $out" }
        return out
    }

    /** A folder that `adb pull` reaches without root, or else one that `run-as` reaches. */
    private fun folder(): File = getExternalFilesDir(null) ?: filesDir

    private fun report(status: TextView, line: String) {
        measure.headless = null
        Log.i(TAG, line)
        status.text = line
        finish()
    }

    private fun failed(error: Throwable) = "FAILED ${error.line()}"

    private companion object {
        const val TAG = "SlideMeasure"
        const val ERRORS = "slidemeasure-error.txt"
    }
}

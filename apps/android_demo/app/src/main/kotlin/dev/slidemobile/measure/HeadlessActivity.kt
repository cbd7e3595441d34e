package dev.slidemobile.measure

import android.app.Activity
import android.os.Bundle
import android.util.Log
import android.view.WindowManager
import android.widget.TextView
import dev.slidemobile.core.Batch
import dev.slidemobile.core.Candidate
import dev.slidemobile.core.line
import java.io.File

/**
 * Measures without a hand on the phone, for device farms: what to do is in the intent's extras
 * (README), the JSON goes to the app's files, and the log says so in one line.
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
                { measured(HeadlessRequest.of(intent), models) },
                failed = { report(status, "FAILED ${it.line()}") },
                done = { report(status, "DONE $it") },
            )
        }
    }

    /** What is not on the screen computes with lowered clocks. */
    override fun onStop() {
        super.onStop()
        if (isChangingConfigurations) return
        isLeft = true
        measure.headless?.cancel()
    }

    /** The file that it wrote; an older one of that name is gone whatever happens. */
    private fun measured(request: HeadlessRequest, models: Models): File {
        val out = File(folder(), request.out)
        out.delete()
        val batch = Batch(
            groups(request, models), request.plan, measure.phone, Images,
            request.isSustained, request.isVerified,
        )
        measure.headless = batch
        if (isLeft) batch.cancel()
        batch.run()
        // Aside first, so that it appears whole.
        val aside = File(folder(), "${request.out}.incomplete")
        aside.writeText(measure.document(batch.results, batch.failures))
        check(aside.renameTo(out)) { "cannot write $out" }
        return out
    }

    /** Artifacts that are named are an A/B, in turns; else every usable one, one after another. */
    private fun groups(request: HeadlessRequest, models: Models): List<List<Candidate>> {
        val usable = when (models) {
            is Models.Ready -> models.usable
            is Models.Failed -> error(models.why)
            Models.Loading -> error("the models are not read yet")
        }
        val named = request.artifacts.map { name ->
            usable.firstOrNull { it.folder == name }
                ?: error("no usable artifact $name; there are ${usable.joinToString { it.folder }}")
        }
        val groups = if (named.isEmpty()) usable.map { listOf(it) } else listOf(named)
        return groups.map { group ->
            group.map { Candidate(it.artifact, it.backend, request.accelerator, request.threads) }
        }
    }

    /** Where `adb pull` reaches without root, else where `run-as` does. */
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

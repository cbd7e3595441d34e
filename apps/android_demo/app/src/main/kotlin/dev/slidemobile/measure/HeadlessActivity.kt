package dev.slidemobile.measure

import android.app.Activity
import android.os.Bundle
import android.util.Log
import android.view.WindowManager
import android.widget.TextView
import dev.slidemobile.core.Candidate
import dev.slidemobile.core.Entry
import dev.slidemobile.core.Measurement
import dev.slidemobile.core.Result
import dev.slidemobile.core.Verification
import java.io.File

/**
 * Measures without a hand on the phone, for device farms: what to do is in the intent's extras
 * (README), the JSON goes to the app's files, and the log says so in one line.
 */
class HeadlessActivity : Activity() {
    private val measure get() = application as MeasureApplication

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        // The screen stays on: a phone that dozes lowers its clocks.
        window.addFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON)
        val status = TextView(this).apply { setText(R.string.measuring) }
        setContentView(status)
        if (savedInstanceState != null) return  // turned, not started again
        measure.whenModels { models ->
            measure.work.submit(
                { HeadlessRequest.of(intent).let { write(it, results(it, models)) } },
                failed = { report(status, "FAILED ${it.line()}") },
                done = { report(status, "DONE $it") },
            )
        }
    }

    /** Artifacts that are named are an A/B, in turns; else every usable one, one after another. */
    private fun results(request: HeadlessRequest, models: Models): List<Result> {
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
        return groups.flatMap { group -> measured(group, request) }
    }

    private fun measured(group: List<Entry.Usable>, request: HeadlessRequest): List<Result> {
        val candidates = group.map {
            Candidate(it.artifact, it.backend, request.accelerator, request.threads)
        }
        val measurement =
            Measurement(candidates, request.plan, measure.phone, Images, request.isSustained)
        val results = measurement.run()
        return if (request.isVerified) results.map(::verified) else results
    }

    private fun verified(result: Result): Result {
        val candidate = result.candidate
        if (Verification.refusal(candidate.artifact.manifest) != null) return result
        return candidate.open().use {
            result.with(Verification.run(candidate.artifact, it, Images))
        }
    }

    /** Where `adb pull` reaches without root, else where `run-as` does. Appears whole. */
    private fun write(request: HeadlessRequest, results: List<Result>): File {
        val folder = getExternalFilesDir(null) ?: filesDir
        val aside = File(folder, "${request.out}.incomplete")
        aside.writeText(measure.document(results))
        return File(folder, request.out).also { check(aside.renameTo(it)) { "cannot write $it" } }
    }

    private fun report(status: TextView, line: String) {
        Log.i(TAG, line)
        status.text = line
        finish()
    }

    private companion object {
        const val TAG = "SlideMeasure"
    }
}

package dev.slidemobile.measure.screens

import android.app.Activity
import android.text.format.Formatter
import android.view.View
import android.view.ViewGroup
import android.view.WindowManager
import android.widget.Button
import android.widget.CheckBox
import android.widget.EditText
import android.widget.TextView
import dev.slidemobile.core.Candidate
import dev.slidemobile.core.Measurement
import dev.slidemobile.core.Plan
import dev.slidemobile.core.Result
import dev.slidemobile.measure.ChartView
import dev.slidemobile.measure.Outcome
import dev.slidemobile.measure.R
import dev.slidemobile.measure.Series
import dev.slidemobile.measure.find

/** Latency of one model, or of two in turns, with a chart while it is taken. */
class MeasureScreen(activity: Activity, parent: ViewGroup) :
    Screen(activity, parent, R.layout.measure) {
    private val isPair = view.find<CheckBox>(R.id.pair)
    private val secondView = view.find<View>(R.id.second)
    private val runs = view.find<EditText>(R.id.runs)
    private val seconds = view.find<EditText>(R.id.seconds)
    private val isSustained = view.find<CheckBox>(R.id.sustained)
    private val start = view.find<Button>(R.id.start)
    private val status = view.find<TextView>(R.id.status)
    private val chart = view.find<ChartView>(R.id.chart)
    private val report = view.find<TextView>(R.id.report)
    private val first = Picker(view.find(R.id.first), measure)
    private val second = Picker(secondView, measure)
    private var isFollowing = false

    init {
        secondView.isSaveFromParentEnabled = false  // its ids are those of the first
        runs.setText(Plan().runs.toString())
        seconds.setText(Plan().seconds.toString())
        isPair.setOnCheckedChangeListener { _, isChecked ->
            secondView.visibility = if (isChecked) View.VISIBLE else View.GONE
        }
        isSustained.setOnCheckedChangeListener { _, isChecked ->
            runs.isEnabled = !isChecked
            seconds.isEnabled = !isChecked
        }
        start.setOnClickListener { measure.running?.cancel() ?: begin() }
    }

    override fun shown() {
        first.refresh()
        second.refresh()
        update()
    }

    override fun update() {
        measure.running?.let(::follow) ?: idle()
    }

    private fun begin() {
        val one = first.candidate ?: return
        val other = if (isPair.isChecked) second.candidate ?: return else null
        report.text = ""
        measure.begin(
            Measurement(
                listOfNotNull(one, other), plan(), measure.phone, isSustained.isChecked,
            ),
        )
        update()
    }

    private fun plan(): Plan {
        val usual = Plan()
        if (isSustained.isChecked) return Plan(seconds = Plan.SUSTAINED_SECONDS)
        return Plan(
            runs = runs.text.toString().toIntOrNull()?.coerceAtLeast(1) ?: usual.runs,
            seconds = seconds.text.toString().toDoubleOrNull() ?: usual.seconds,
        )
    }

    /** Looks at the samples from time to time: the loop itself reports nothing while it runs. */
    private fun follow(measurement: Measurement) {
        // A phone that dozes lowers its clocks.
        activity.window.addFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON)
        start.setText(R.string.cancel)
        val count = text(R.string.runs_so_far, measurement.series.first().size)
        status.text = count
        val lines = measurement.candidates.zip(measurement.series) { candidate, samples ->
            Series(name(candidate), samples.milliseconds(last = SHOWN_RUNS))
        }
        chart.show(lines, count)
        if (isFollowing || activity.isDestroyed) return  // already looking
        isFollowing = true
        measure.work.afterMillis(FRAME_MS) {
            isFollowing = false
            measure.running?.let(::follow)
        }
    }

    private fun idle() {
        activity.window.clearFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON)
        start.setText(R.string.start)
        status.text = ""
        when (val outcome = measure.measured) {
            null -> Unit
            is Outcome.Failed -> report.text = text(R.string.failed, outcome.why)
            is Outcome.Done -> show(outcome.value)
        }
    }

    private fun show(results: List<Result>) {
        val curves = results.map { result ->
            val points = result.sustained
            val values =
                if (points == null) result.samplesMs
                else DoubleArray(points.size) { points[it].p50Ms }
            Series(name(result.candidate), values)
        }
        val texts = results.map(::describe) + listOfNotNull(ratio(results))
        report.text = texts.joinToString("\n\n")
        chart.show(curves, report.text.toString())
    }

    private fun ratio(results: List<Result>): String? {
        val medians = results.mapNotNull { it.summary?.p50Ms }
        if (medians.size != 2) return null
        val isShared = results.all { it.isValid }
        val words = if (isShared) R.string.ratio else R.string.ratio_of_invalid
        return text(words, medians[0] / medians[1])
    }

    private fun name(candidate: Candidate): String =
        text(R.string.result_head, candidate.artifact.name, candidate.accelerator.label)

    private fun describe(result: Result): String {
        val where = result.acceleratorUsed ?: text(R.string.not_told)
        val lines = mutableListOf(text(R.string.result_head, result.candidate.artifact.name, where))
        result.summary?.let {
            lines += text(R.string.result_percentiles, it.p50Ms, it.p90Ms, it.p99Ms)
        }
        lines += text(R.string.result_first, result.firstMs, result.loadMs, result.samplesMs.size)
        result.peakRssBytes?.let {
            lines += text(R.string.result_memory, Formatter.formatShortFileSize(activity, it))
        }
        lines += text(R.string.result_heat, result.thermalBefore.label, result.thermalAfter.label)
        val reasons = result.whyInvalid.joinToString("; ")
        lines += if (result.isValid) text(R.string.valid) else text(R.string.invalid, reasons)
        return lines.joinToString("\n")
    }

    private companion object {
        const val FRAME_MS = 100L

        /** About as many points as a phone is wide. */
        const val SHOWN_RUNS = 300
    }
}

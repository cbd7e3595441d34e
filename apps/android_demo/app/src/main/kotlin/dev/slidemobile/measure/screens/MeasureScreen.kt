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
        if (measure.running == null) idle() else running()
    }

    private fun begin() {
        val one = first.candidate ?: return
        val other = if (isPair.isChecked) second.candidate ?: return else null
        report.text = ""
        measure.begin(
            Measurement(
                listOfNotNull(one, other), plan(), measure.slide.phone, isSustained.isChecked,
                isFresh = measure.measurements.results.isEmpty(),
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

    /** Draws once: what draws while a model runs would be measured, too. */
    private fun running() {
        // A phone that dozes lowers its clocks.
        activity.window.addFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON)
        start.setText(R.string.cancel)
        status.setText(R.string.measuring_quietly)
        chart.show(emptyList(), text(R.string.measuring_quietly))
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
        val note = text(R.string.no_ratio).takeIf { results.size > 1 }
        val texts = results.map(::describe) + listOfNotNull(note)
        report.text = texts.joinToString("\n\n")
        chart.show(curves, report.text.toString())
    }

    private fun name(candidate: Candidate): String =
        text(R.string.result_head, candidate.artifact.name, candidate.accelerator.label)

    private fun describe(result: Result): String {
        val where = result.acceleratorUsed ?: text(R.string.not_told)
        val lines = mutableListOf(text(R.string.result_head, result.candidate.artifact.name, where))
        result.summary?.let {
            lines += text(R.string.result_percentiles, it.p50Ms, it.p90Ms)
            it.p99Ms?.let { p99 -> lines += text(R.string.result_p99, p99) }
        }
        val conversion = result.conversion
        lines += text(R.string.result_first, result.firstMs, result.samplesMs.size)
        lines += text(
            R.string.result_load, conversion.coldLoadMs, conversion.warmLoadMs ?: Double.NaN,
        )
        result.memory?.peakBytes?.let {
            lines += text(R.string.result_memory, Formatter.formatShortFileSize(activity, it))
        }
        result.endurance?.let {
            lines += text(R.string.result_endurance, it.firstMs, it.lastMs, it.slowdown)
        }
        result.fingerprint?.let {
            val words = if (it.isEqualToCpu) R.string.result_equal else R.string.result_differs
            lines += text(words, it.ownMs, it.cpuMs)
        }
        lines += text(R.string.result_heat, result.thermalBefore.label, result.thermalAfter.label)
        val reasons = result.whyInvalid.joinToString("; ")
        lines += if (result.isValid) text(R.string.valid) else text(R.string.invalid, reasons)
        return lines.joinToString("\n")
    }
}

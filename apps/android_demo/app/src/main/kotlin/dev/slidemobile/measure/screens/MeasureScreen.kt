package dev.slidemobile.measure.screens

import android.app.Activity
import android.text.format.Formatter
import android.view.ViewGroup
import android.widget.Button
import android.widget.CheckBox
import android.widget.Spinner
import android.widget.TextView
import dev.slidemobile.core.Measurement
import dev.slidemobile.core.Plan
import dev.slidemobile.core.Result
import dev.slidemobile.measure.ChartView
import dev.slidemobile.measure.Images
import dev.slidemobile.measure.R
import dev.slidemobile.measure.find
import dev.slidemobile.measure.line
import dev.slidemobile.measure.offer

/** Latency of one model, or of two in turns, with a chart while it is taken. */
class MeasureScreen(activity: Activity, parent: ViewGroup) :
    Screen(activity, parent, R.layout.measure) {
    private val against = view.find<Spinner>(R.id.against)
    private val isSustained = view.find<CheckBox>(R.id.sustained)
    private val start = view.find<Button>(R.id.start)
    private val status = view.find<TextView>(R.id.status)
    private val chart = view.find<ChartView>(R.id.chart)
    private val report = view.find<TextView>(R.id.report)
    private val picker = Picker(view, measure) { offerAgainst() }

    init {
        start.setOnClickListener { measure.running?.cancel() ?: begin() }
    }

    override fun shown() {
        picker.refresh()
        measure.running?.let(::follow)
    }

    private fun offerAgainst() {
        against.offer(listOf(text(R.string.nothing)) + picker.usable.map { it.folder })
    }

    private fun begin() {
        val first = picker.candidate ?: return
        val other = picker.usable.getOrNull(against.selectedItemPosition - 1)
        val second = other?.let(picker::candidate)
        val plan = if (isSustained.isChecked) Plan(seconds = Plan.SUSTAINED_SECONDS) else Plan()
        val measurement = Measurement(
            listOfNotNull(first, second), plan, measure.phone, Images, isSustained.isChecked,
        )
        report.text = ""
        measure.running = measurement
        measure.work.submit(
            { measurement.run() },
            failed = { finish(); report.text = text(R.string.failed, it.line()) },
            done = { results ->
                finish()
                measure.add(results)
                show(results)
            },
        )
        follow(measurement)
    }

    /** Looks at the samples from time to time; the loop itself tells nobody anything. */
    private fun follow(measurement: Measurement) {
        if (measure.running !== measurement) return idle()
        start.setText(R.string.cancel)
        val runs = measurement.series.first().size
        status.text = text(R.string.runs_so_far, runs)
        chart.show(measurement.series.map { it.milliseconds() }, text(R.string.runs_so_far, runs))
        measure.work.afterMillis(FRAME_MS) { follow(measurement) }
    }

    private fun finish() {
        measure.running = null
        idle()
    }

    private fun idle() {
        start.setText(R.string.start)
        status.text = ""
    }

    private fun show(results: List<Result>) {
        val curves = results.map { result ->
            val points = result.sustained
            if (points == null) result.samplesMs else DoubleArray(points.size) { points[it].p50Ms }
        }
        report.text = results.joinToString("\n\n", transform = ::describe)
        chart.show(curves, report.text.toString())
    }

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
    }
}

package dev.slidemobile.measure

import android.content.Context
import android.graphics.Canvas
import android.graphics.Color
import android.graphics.DashPathEffect
import android.graphics.Paint
import android.graphics.Path
import android.util.AttributeSet
import android.util.TypedValue
import android.view.View

/** One line of a chart: milliseconds in the order in which they came. */
class Series(val name: String, val values: DoubleArray)

/** Latencies as they come: one line for each model, in milliseconds from zero. */
class ChartView(context: Context, attributes: AttributeSet?) : View(context, attributes) {
    private val dash = pixels(TypedValue.COMPLEX_UNIT_DIP, DASH_DP)

    // Two lines differ by color, and by dashes for people who cannot tell the colors apart.
    private val lines = listOf(
        line(R.color.series_a),
        line(R.color.series_b).apply { pathEffect = DashPathEffect(floatArrayOf(dash, dash), 0f) },
    )
    private val text = Paint(Paint.ANTI_ALIAS_FLAG).apply {
        color = themed(R.color.chart_text)
        textSize = pixels(TypedValue.COMPLEX_UNIT_SP, TEXT_SP)
    }
    private var series: List<Series> = emptyList()
    private val path = Path()

    /** Shows at most two lines; a screen reader reads [description]. */
    fun show(series: List<Series>, description: String) {
        this.series = series.take(lines.size)
        contentDescription = description
        invalidate()
    }

    override fun onDraw(canvas: Canvas) {
        super.onDraw(canvas)
        val highest = series.maxOfOrNull { it.values.maxOrNull() ?: 0.0 } ?: return
        if (highest <= 0) return
        var top = paddingTop + text.textSize
        if (series.size > 1) {
            series.forEachIndexed { index, one ->
                drawName(canvas, one.name, lines[index], top)
                top += text.fontSpacing
            }
        }
        val bottom = (height - paddingBottom).toFloat()
        series.forEachIndexed { index, one ->
            drawLine(canvas, one.values, lines[index], highest, top, bottom)
        }
        val scale = context.getString(R.string.milliseconds, highest)
        canvas.drawText(scale, paddingLeft.toFloat(), top, text)
    }

    private fun drawName(canvas: Canvas, name: String, line: Paint, baseline: Float) {
        val left = paddingLeft.toFloat()
        val middle = baseline - text.textSize / 2
        path.rewind()
        path.moveTo(left, middle)
        path.lineTo(left + SAMPLE_DASHES * dash, middle)
        canvas.drawPath(path, line)
        canvas.drawText(name, left + (SAMPLE_DASHES + 1) * dash, baseline, text)
    }

    /** Each column of pixels shows the slowest of its runs: a chart must not hide a stall. */
    private fun drawLine(
        canvas: Canvas, values: DoubleArray, line: Paint, highest: Double, top: Float,
        bottom: Float,
    ) {
        val room = width - paddingLeft - paddingRight
        val columns = minOf(values.size, room)
        if (columns < 2) return
        path.rewind()
        for (column in 0 until columns) {
            var slowest = 0.0
            for (run in column * values.size / columns until (column + 1) * values.size / columns) {
                slowest = maxOf(slowest, values[run])
            }
            val x = paddingLeft + room * column / (columns - 1f)
            val y = bottom - (bottom - top) * (slowest / highest).toFloat()
            if (column == 0) path.moveTo(x, y) else path.lineTo(x, y)
        }
        canvas.drawPath(path, line)
    }

    private fun line(color: Int) = Paint(Paint.ANTI_ALIAS_FLAG).apply {
        style = Paint.Style.STROKE
        strokeWidth = pixels(TypedValue.COMPLEX_UNIT_DIP, LINE_DP)
        this.color = themed(color)
    }

    private fun themed(id: Int): Int = if (isInEditMode) Color.GRAY else context.getColor(id)

    private fun pixels(unit: Int, size: Float): Float =
        TypedValue.applyDimension(unit, size, resources.displayMetrics)

    private companion object {
        const val LINE_DP = 1.5f
        const val DASH_DP = 5f
        const val SAMPLE_DASHES = 5
        const val TEXT_SP = 12f
    }
}

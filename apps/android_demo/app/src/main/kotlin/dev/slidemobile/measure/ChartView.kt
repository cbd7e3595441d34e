package dev.slidemobile.measure

import android.content.Context
import android.graphics.Canvas
import android.graphics.Color
import android.graphics.Paint
import android.util.AttributeSet
import android.util.TypedValue
import android.view.View

/** Latencies as they come: one line a model, milliseconds from zero upwards. */
class ChartView(context: Context, attributes: AttributeSet?) : View(context, attributes) {
    private val colors = intArrayOf(themed(R.color.series_a), themed(R.color.series_b))
    private val line = Paint(Paint.ANTI_ALIAS_FLAG).apply {
        style = Paint.Style.STROKE
        strokeWidth = pixels(TypedValue.COMPLEX_UNIT_DIP, LINE_DP)
    }
    private val text = Paint(Paint.ANTI_ALIAS_FLAG).apply {
        color = themed(R.color.chart_text)
        textSize = pixels(TypedValue.COMPLEX_UNIT_SP, TEXT_SP)
    }
    private var series: List<DoubleArray> = emptyList()
    private var points = FloatArray(0)

    /** At most two lines; what a person who cannot see it is told is [description]. */
    fun show(series: List<DoubleArray>, description: String) {
        this.series = series.take(colors.size)
        contentDescription = description
        invalidate()
    }

    override fun onDraw(canvas: Canvas) {
        super.onDraw(canvas)
        val highest = series.maxOfOrNull { it.maxOrNull() ?: 0.0 } ?: return
        if (highest <= 0) return
        val top = paddingTop + text.textSize
        val bottom = (height - paddingBottom).toFloat()
        series.forEachIndexed { index, values ->
            line.color = colors[index]
            drawLine(canvas, values, highest, top, bottom)
        }
        val scale = context.getString(R.string.milliseconds, highest)
        canvas.drawText(scale, paddingLeft.toFloat(), top, text)
    }

    /** A pixel column is the slowest of its runs: a chart must not hide a stall. */
    private fun drawLine(
        canvas: Canvas, values: DoubleArray, highest: Double, top: Float, bottom: Float,
    ) {
        val room = width - paddingLeft - paddingRight
        val columns = minOf(values.size, room)
        if (columns < 2) return
        if (points.size < 2 * columns) points = FloatArray(2 * room)
        for (column in 0 until columns) {
            var slowest = 0.0
            for (run in column * values.size / columns until (column + 1) * values.size / columns) {
                slowest = maxOf(slowest, values[run])
            }
            points[2 * column] = paddingLeft + room * column / (columns - 1f)
            points[2 * column + 1] = bottom - (bottom - top) * (slowest / highest).toFloat()
        }
        for (column in 0 until columns - 1) canvas.drawLines(points, 2 * column, 4, line)
    }

    private fun themed(id: Int): Int = if (isInEditMode) Color.GRAY else context.getColor(id)

    private fun pixels(unit: Int, size: Float): Float =
        TypedValue.applyDimension(unit, size, resources.displayMetrics)

    private companion object {
        const val LINE_DP = 1.5f
        const val TEXT_SP = 12f
    }
}

package dev.slidemobile.core

import kotlin.math.abs

/**
 * Pillow's 8-bit bicubic resize, to the byte (Pillow 13, src/libImaging/Resample.c): a horizontal
 * pass, then a vertical one over its 8-bit result, with weights in 22-bit fixed point.
 */
internal object Resampling {
    /** Along one axis, in pixels; Pillow's C code takes 32-bit floats. */
    class Span private constructor(val first: Float, val end: Float) {
        companion object {
            fun of(first: Double, end: Double) = Span(first.toFloat(), end.toFloat())
        }
    }

    /** The pixels that make one output pixel: [weights] of `lowest`, `lowest + 1`, ... */
    private class Tap(val lowest: Int, val weights: IntArray)

    fun bicubic(picture: Picture, height: Int, width: Int, rows: Span, columns: Span): Picture {
        val horizontal = taps(columns, picture.width, width)
        val vertical = taps(rows, picture.height, height)
        // Only the rows that the vertical pass reads.
        val firstRow = vertical.first().lowest
        val endRow = vertical.last().let { it.lowest + it.weights.size }
        val narrow = ByteArray((endRow - firstRow) * width * Picture.CHANNELS)
        for (row in firstRow until endRow) {
            val from = row * picture.width * Picture.CHANNELS
            val to = (row - firstRow) * width * Picture.CHANNELS
            for (column in 0 until width) {
                val tap = horizontal[column]
                val start = from + tap.lowest * Picture.CHANNELS
                val end = to + column * Picture.CHANNELS
                weigh(picture.rgb, start, Picture.CHANNELS, tap, narrow, end)
            }
        }
        val result = ByteArray(height * width * Picture.CHANNELS)
        val stride = width * Picture.CHANNELS
        for (row in 0 until height) {
            val tap = vertical[row]
            val from = (tap.lowest - firstRow) * stride
            for (column in 0 until width) {
                val at = column * Picture.CHANNELS
                weigh(narrow, from + at, stride, tap, result, row * stride + at)
            }
        }
        return Picture(height, width, result)
    }

    /** One output pixel: its three channels are neighbors, its taps are [step] bytes apart. */
    private fun weigh(
        source: ByteArray, start: Int, step: Int, tap: Tap, target: ByteArray, to: Int,
    ) {
        var red = HALF
        var green = HALF
        var blue = HALF
        var at = start
        for (weight in tap.weights) {
            red += (source[at].toInt() and 0xff) * weight
            green += (source[at + 1].toInt() and 0xff) * weight
            blue += (source[at + 2].toInt() and 0xff) * weight
            at += step
        }
        target[to] = clip(red)
        target[to + 1] = clip(green)
        target[to + 2] = clip(blue)
    }

    private fun taps(span: Span, size: Int, out: Int): List<Tap> {
        val scale = (span.end - span.first).toDouble() / out
        val filterScale = maxOf(scale, 1.0)
        val support = RADIUS * filterScale
        val inverse = 1.0 / filterScale
        return List(out) { index ->
            val center = span.first + (index + 0.5) * scale
            val lowest = maxOf(0, (center - support + 0.5).toInt())
            val end = minOf(size, (center + support + 0.5).toInt())
            val weights = DoubleArray(end - lowest) {
                bicubic((it + lowest - center + 0.5) * inverse)
            }
            var sum = 0.0
            for (weight in weights) sum += weight
            val divisor = if (sum == 0.0) 1.0 else sum
            Tap(lowest, IntArray(weights.size) { fixed(weights[it] / divisor) })
        }
    }

    private fun bicubic(distance: Double): Double {
        val x = abs(distance)
        return when {
            x < 1 -> ((A + 2) * x - (A + 3)) * x * x + 1
            x < 2 -> (((x - 5) * x + 8) * x - 4) * A
            else -> 0.0
        }
    }

    private fun fixed(weight: Double): Int {
        val scaled = weight * (1 shl PRECISION_BITS)
        return (if (weight < 0) scaled - 0.5 else scaled + 0.5).toInt()
    }

    private fun clip(sum: Int): Byte = (sum shr PRECISION_BITS).coerceIn(0, 255).toByte()

    private const val A = -0.5
    private const val RADIUS = 2.0
    private const val PRECISION_BITS = 22
    private const val HALF = 1 shl (PRECISION_BITS - 1)
}

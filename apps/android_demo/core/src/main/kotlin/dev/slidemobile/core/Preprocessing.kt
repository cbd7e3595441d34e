package dev.slidemobile.core

import java.nio.ByteBuffer
import java.nio.ByteOrder

/**
 * From a decoded image to the bytes of the input tensor, byte for byte as in
 * slide_mobile/preprocess.py: apps/conformance/resize tests it.
 */
object Preprocessing {
    /** The share of the shorter side that the center crop keeps (slide_mobile/preprocess.py). */
    private const val CROP = 0.875

    /** The center of an upright image at the model's size; one of that size is kept as it is. */
    fun fit(picture: Picture, height: Int, width: Int): Picture {
        if (picture.height == height && picture.width == width) return picture
        // The largest box of the wanted shape, shrunk, around the center.
        val fitting = minOf(picture.width.toDouble() / width, picture.height.toDouble() / height)
        val scale = fitting * CROP
        val boxWidth = width * scale
        val boxHeight = height * scale
        val left = (picture.width - boxWidth) / 2
        val top = (picture.height - boxHeight) / 2
        return Resampling.bicubic(
            picture, height, width,
            rows = Resampling.Span.of(top, top + boxHeight),
            columns = Resampling.Span.of(left, left + boxWidth),
        )
    }

    fun allocate(input: InputSpec): ByteBuffer =
        ByteBuffer.allocateDirect(input.bytes).order(ByteOrder.nativeOrder())

    /** Writes an image of the input's size as the tensor that the manifest describes. */
    fun fill(tensor: ByteBuffer, picture: Picture, input: InputSpec) {
        require(picture.height == input.height && picture.width == input.width) {
            "the image is ${picture.height} x ${picture.width}, " +
                "the model takes ${input.height} x ${input.width}"
        }
        tensor.clear()
        val rgb = picture.rgb
        if (input.layout == InputSpec.Layout.NHWC) {
            for (index in rgb.indices) put(tensor, rgb[index], input.type)
        } else {
            for (channel in 0 until Picture.CHANNELS) {
                for (index in channel until rgb.size step Picture.CHANNELS) {
                    put(tensor, rgb[index], input.type)
                }
            }
        }
        tensor.rewind()
    }

    private fun put(tensor: ByteBuffer, byte: Byte, type: ElementType) {
        val value = byte.toInt() and 0xff
        when (type) {
            ElementType.FLOAT32 -> tensor.putFloat(value.toFloat())
            ElementType.FLOAT16 -> tensor.putShort(HalfFloat.fromByte(value))
            ElementType.UINT8 -> tensor.put(byte)
        }
    }
}

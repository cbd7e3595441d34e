package dev.slidemobile.core

import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Test

class PreprocessingTest {
    @Test
    fun `every size and orientation gives Pillow's bytes`() {
        for (case in Conformance.cases("resize/cases.json", "cases")) {
            val height = case.int("height")
            val width = case.int("width")
            val name = case.text("name")
            val stored = when (val pixels = case.getValue("pixels")) {
                is String -> Conformance.file("resize/$pixels").readBytes()
                else -> drawn(height * width * Picture.CHANNELS, case.int("lcg_seed"))
            }
            assertEquals(case.text("sha256"), sha256(stored), name)
            val upright = Picture(height, width, stored).upright(case.int("orientation"))
            val fitted =
                Preprocessing.fit(upright, case.int("target_height"), case.int("target_width"))
            assertEquals(case.text("expected_sha256"), sha256(fitted.rgb), name)
        }
    }

    @Test
    fun `a channels-last float input is the pixels in their order`() {
        val input = InputSpec(listOf(1, 2, 2, 3), InputSpec.Layout.NHWC, ElementType.FLOAT32)
        val tensor = filled(input)
        val values = FloatArray(12).also { tensor.asFloatBuffer().get(it) }
        assertArrayEquals(FloatArray(12) { BYTES[it].toFloat() }, values)
    }

    @Test
    fun `a channels-first input is one plane after another`() {
        val tensor = filled(InputSpec(listOf(1, 3, 2, 2), InputSpec.Layout.NCHW, ElementType.UINT8))
        val values = ByteArray(12).also { tensor.get(it) }
        val planes = listOf(0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11).map { BYTES[it].toByte() }
        assertArrayEquals(planes.toByteArray(), values)
    }

    @Test
    fun `a half float input holds every byte exactly`() {
        val bits = (0..255).map { HalfFloat.fromByte(it) }
        assertEquals((0..255).map { it.toFloat() }, bits.map { HalfFloat.toFloat(it) })
        assertEquals(0x3c00, HalfFloat.fromByte(1).toInt())
        assertEquals(0x5bf8, HalfFloat.fromByte(255).toInt())
    }

    @Test
    fun `half floats of any kind are read as IEEE 754 says`() {
        val cases = mapOf(
            0x0001 to 5.9604645e-8f, 0x03ff to 6.097555e-5f, 0x0400 to 6.1035156e-5f,
            0xc000 to -2f, 0x7bff to 65504f, 0x7c00 to Float.POSITIVE_INFINITY,
            0xfc00 to Float.NEGATIVE_INFINITY, 0x8000 to -0f,
        )
        for ((bits, value) in cases) assertEquals(value, HalfFloat.toFloat(bits.toShort()))
        assertEquals(true, HalfFloat.toFloat(0x7e00).isNaN())
    }

    @Test
    fun `an image of another size is refused`() {
        val input = InputSpec(listOf(1, 4, 2, 3), InputSpec.Layout.NHWC, ElementType.UINT8)
        val small = Picture(2, 2, ByteArray(12))
        assertThrows(IllegalArgumentException::class.java) {
            Preprocessing.fill(Preprocessing.allocate(input), small, input)
        }
    }

    private fun filled(input: InputSpec) = Preprocessing.allocate(input).also {
        val bytes = ByteArray(BYTES.size) { index -> BYTES[index].toByte() }
        Preprocessing.fill(it, Picture(2, 2, bytes), input)
    }

    /** As the README of the vectors says; Int overflows modulo 2^32. */
    private fun drawn(count: Int, seed: Int): ByteArray {
        var state = seed
        return ByteArray(count) {
            state = state * 1664525 + 1013904223
            (state ushr 24).toByte()
        }
    }

    private companion object {
        val BYTES = intArrayOf(0, 1, 2, 127, 128, 129, 200, 253, 254, 255, 7, 77)
    }
}

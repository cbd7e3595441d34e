package dev.slidemobile.core

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

class ClassificationTest {
    @Test
    fun `the likeliest come first, with their share of the softmax`() {
        val top = Classification.top(floatArrayOf(1f, 3f, 2f, -50f), listOf("a", "b", "c", "d"))
        assertEquals(listOf("b", "c", "a"), top.map { it.label })
        assertEquals(0.66524096, top[0].probability, 1e-7)
        assertEquals(1.0, top.sumOf { it.probability }, 1e-7)
    }

    @Test
    fun `huge logits do not overflow`() {
        val top = Classification.top(floatArrayOf(3e38f, -3e38f), listOf("a", "b"))
        assertEquals(listOf(1.0, 0.0), top.map { it.probability })
    }
}

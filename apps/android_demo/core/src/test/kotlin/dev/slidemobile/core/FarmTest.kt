package dev.slidemobile.core

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class FarmTest {
    @Test
    fun `a game loop stands for a headless start`() {
        for (case in Conformance.cases("game_loops.json", "understood")) {
            val expected = case.items("android").associate { pair ->
                val (name, text) = pair.items().map { it as String }
                name to text
            }
            val extras = Farm.scenario(case.text("scenario").toInt())
            assertEquals(expected, extras)
            assertEquals(expected["out"], HeadlessRequest.of(extras).output)
        }
    }

    @Test
    fun `a loop that is not known is refused`() {
        for (case in Conformance.cases("game_loops.json", "refused")) {
            val number = case.text("scenario").toInt()
            val error = assertThrows(NotUsable::class.java) { Farm.scenario(number) }
            assertEquals(case.text("why"), error.message)
        }
    }

    @Test
    fun `arguments of others are left out, and a misspelt one is refused`() {
        val arguments = mapOf("class" to "X", "debug" to "false", "slide_runs" to "50")
        assertEquals(mapOf("runs" to "50"), Farm.extras(arguments))
        assertTrue(Farm.extras(mapOf("package" to "a")).isEmpty())
        val error = assertThrows(NotUsable::class.java) {
            HeadlessRequest.of(Farm.extras(mapOf("slide_rnus" to "50")))
        }
        assertTrue(error.line().startsWith("rnus is not known"))
    }
}

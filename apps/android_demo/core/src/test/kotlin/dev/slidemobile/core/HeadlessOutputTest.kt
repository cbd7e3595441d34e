package dev.slidemobile.core

import java.io.File
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

class HeadlessOutputTest {
    @TempDir lateinit var folder: File

    private val errors get() = File(folder, HeadlessOutput.ERRORS)
    private val document get() = File(folder, "x.json")

    private fun answer(vararg extras: Pair<String, Any?>, measure: (HeadlessRequest) -> String) =
        HeadlessOutput(folder).answer({ mapOf(*extras) }, measure)

    @Test
    fun `the document is in the file that was asked for, and nothing else is left`() {
        errors.writeText("of an earlier start")
        val file = answer("out" to "x.json", "runs" to 7) { "${it.plan.runs} runs" }
        assertEquals(document, file)
        assertEquals("7 runs", file.readText())
        assertEquals(listOf("x.json"), folder.list()?.toList())
    }

    @Test
    fun `a failure leaves its reason, and no document of an earlier start`() {
        document.writeText("of an earlier start")
        val error = assertThrows(IllegalStateException::class.java) {
            answer("out" to "x.json") { error("too hot") }
        }
        assertEquals("too hot", error.message)
        assertFalse(document.exists())
        assertEquals("FAILED too hot\n", errors.readText())
    }

    @Test
    fun `what is refused measures nothing, and leaves no document either`() {
        document.writeText("of an earlier start")
        assertThrows(NotUsable::class.java) { answer("out" to "x.json", "runs" to 0) { "" } }
        assertFalse(document.exists())
        assertEquals(
            "FAILED runs=0 is not a whole number from 1 to 1000000\n", errors.readText(),
        )
    }

    @Test
    fun `a loop that is not known leaves its reason`() {
        assertThrows(NotUsable::class.java) {
            HeadlessOutput(folder).answer({ Farm.scenario(9) }) { "" }
        }
        assertEquals("FAILED scenario=9 is not a whole number from 1 to 4\n", errors.readText())
    }
}

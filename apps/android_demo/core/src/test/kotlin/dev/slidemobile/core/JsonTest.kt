package dev.slidemobile.core

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class JsonTest {
    private fun read(text: String) = Json.read(text.toByteArray())

    private fun refusal(bytes: ByteArray): String =
        assertThrows(JsonError::class.java, { Json.read(bytes) }, String(bytes)).line()

    @Test
    fun `what is written is read back the same`() {
        val document = mapOf(
            "text" to "a \"quote\", a \\, ä, \n, 😀, \u0001",
            "list" to listOf(1.5, -0.0, 1e-300, 7L, Long.MAX_VALUE),
            "deep" to listOf(mapOf("er" to null), emptyList<Any?>()),
            "bool" to true,
        )
        assertEquals(document, read(Json.write(document)))
        assertEquals(mapOf("none" to null), read(Json.write(mapOf("none" to Double.NaN))))
    }

    @Test
    fun `what is no JSON is refused, and says where`() {
        val wrong = listOf(
            "", "{", "[1,]", "{\"a\" 1}", "{a: 1}", "01", "1 2", "\"", "\"\\x\"", "\"\\u12g4\"",
            "NaN", "nul", "-", "1.", "\"\n\"", "TRUE", "[Infinity]", "{\"a\": 1,}", "// 1\n1",
        )
        for (text in wrong) {
            val why = refusal(text.toByteArray())
            assertTrue("is not JSON" in why || "is not one JSON value" in why, "$text: $why")
        }
        assertTrue("line 2" in refusal("{\n\"a\" 1}".toByteArray()))
    }

    @Test
    fun `nesting is limited`() {
        for (open in listOf("[", "{\"a\":")) {
            assertEquals("is nested deeper than 64", refusal(open.repeat(100_000).toByteArray()))
        }
        read("[".repeat(64) + "]".repeat(64))
    }

    @Test
    fun `a name that stands twice is refused`() {
        val twice = listOf(
            "{\"a\": 1, \"a\": 2}", "{\"b\": [{\"a\": 1, \"c\": 2, \"a\": 1}]}",
            "{\"parity\": 1, \"p\\u0061rity\": 2}", "{\"\": 1, \"\": 2}",
        )
        for (text in twice) assertTrue("names a field twice" in refusal(text.toByteArray()), text)
        read("{\"a\": {\"a\": [{\"a\": 1}, {\"a\": 1}]}, \"A\": \"\\\"a\\\": 1\"}")
    }

    @Test
    fun `a number that no double or long holds is refused`() {
        for (text in listOf("1e999", "-1e999", "1" + "0".repeat(30), "9223372036854775808")) {
            assertTrue("a number out of range" in refusal("[$text]".toByteArray()), text)
        }
        assertEquals(listOf(Long.MAX_VALUE, 0.0), read("[9223372036854775807, 1e-999]"))
    }

    @Test
    fun `text of another encoding is refused`() {
        for (charset in listOf(Charsets.UTF_16LE, Charsets.UTF_16BE, Charsets.UTF_32LE)) {
            refusal("{\"a\": 1, \"a\": 2}".toByteArray(charset))
        }
        assertEquals("is not UTF-8 text", refusal(byteArrayOf(0x22, -1, 0x22)))
    }
}

package dev.slidemobile.core

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Test

class JsonTest {
    @Test
    fun `what is printed is read back the same`() {
        val json = Json.fields(
            "text" to Json.of("a \"quote\", a \\, ä, \n, 😀, \u0001"),
            "list" to Json.list(listOf(1.5, -0.0, 1e-300)) { Json.of(it) },
            "deep" to Json.Array(listOf(Json.fields("er" to Json.Null), Json.Array(emptyList()))),
            "bool" to Json.of(true),
            "none" to Json.of(Double.NaN),
        )
        assertEquals(json, Json.parse(json.print()))
    }

    @Test
    fun `a number keeps its digits`() {
        assertEquals(Json.Number("1.50e+07"), Json.parse(" 1.50e+07 "))
    }

    @Test
    fun `the canonical form is Python's`() {
        // json.dumps({"b": [1, 2.5, "ä\x7f"], "a": {}}, sort_keys=True)
        val json = Json.parse("{\"b\":[1,2.5,\"ä\u007f\"],\"a\":{}}")
        assertEquals("{\"a\": {}, \"b\": [1, 2.5, \"\\u00e4\\u007f\"]}", json.canonical())
    }

    @Test
    fun `what is no JSON is refused, and says where`() {
        val wrong = listOf(
            "", "{", "[1,]", "{\"a\" 1}", "{a: 1}", "01", "1 2", "\"", "\"\\x\"", "\"\\u12g4\"",
            "NaN", "nul", "-", "1.", "\"\n\"", "[".repeat(100_000),
        )
        for (text in wrong) {
            val error = assertThrows(JsonError::class.java, { Json.parse(text) }, text)
            assertEquals(true, "at character" in error.message.orEmpty(), text)
        }
    }
}

package dev.slidemobile.core

/** A recursive-descent reader of RFC 8259, without extensions. */
internal class JsonReader(private val text: String) {
    private var at = 0
    private var depth = 0

    fun document(): Json {
        val value = value()
        skipSpace()
        if (at != text.length) fail("more than one value")
        return value
    }

    private fun value(): Json {
        skipSpace()
        // A document of nothing but brackets must not overflow the stack.
        if (depth == MAX_DEPTH) fail("nested deeper than $MAX_DEPTH")
        depth++
        val value = when (val next = peek()) {
            '{' -> objectValue()
            '[' -> arrayValue()
            '"' -> Json.Text(string())
            't' -> word("true", Json.Bool(true))
            'f' -> word("false", Json.Bool(false))
            'n' -> word("null", Json.Null)
            else -> if (next == '-' || next in '0'..'9') number() else fail("a value is missing")
        }
        depth--
        return value
    }

    private fun objectValue(): Json {
        val fields = LinkedHashMap<String, Json>()
        at++
        skipSpace()
        if (accept('}')) return Json.Object(fields)
        do {
            skipSpace()
            if (peek() != '"') fail("a name is missing")
            val name = string()
            skipSpace()
            expect(':')
            fields[name] = value()
            skipSpace()
        } while (accept(','))
        expect('}')
        return Json.Object(fields)
    }

    private fun arrayValue(): Json {
        val items = ArrayList<Json>()
        at++
        skipSpace()
        if (accept(']')) return Json.Array(items)
        do {
            items += value()
            skipSpace()
        } while (accept(','))
        expect(']')
        return Json.Array(items)
    }

    private fun number(): Json {
        val match = NUMBER.find(text, at)
        if (match == null || match.range.first != at) fail("a number is malformed")
        at = match.range.last + 1
        return Json.Number(match.value)
    }

    private fun string(): String {
        at++
        val characters = StringBuilder()
        while (true) {
            when (val next = peek()) {
                '"' -> { at++; return characters.toString() }
                '\\' -> { at++; characters.append(escape()) }
                else -> {
                    if (next < ' ') fail("a text does not end")
                    characters.append(next)
                    at++
                }
            }
        }
    }

    private fun escape(): Char {
        val letter = peek()
        at++
        return when (letter) {
            '"', '\\', '/' -> letter
            'n' -> '\n'
            'r' -> '\r'
            't' -> '\t'
            'b' -> '\b'
            'f' -> '\u000c'
            'u' -> {
                val digits = text.substring(at, minOf(at + 4, text.length))
                if (!HEX.matches(digits)) fail("an escape is malformed")
                at += 4
                digits.toInt(16).toChar()
            }
            else -> fail("an escape is malformed")
        }
    }

    private fun word(word: String, value: Json): Json {
        if (!text.startsWith(word, at)) fail("a value is missing")
        at += word.length
        return value
    }

    private fun skipSpace() {
        while (at < text.length && text[at] in " \n\r\t") at++
    }

    /** The next character; 0, which no rule accepts, at the end. */
    private fun peek(): Char = if (at < text.length) text[at] else '\u0000'

    private fun accept(character: Char): Boolean {
        if (peek() != character) return false
        at++
        return true
    }

    private fun expect(character: Char) {
        if (!accept(character)) fail("'$character' is missing")
    }

    private fun fail(what: String): Nothing = throw JsonError("$what at character $at")

    private companion object {
        const val MAX_DEPTH = 64
        val NUMBER = Regex("-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?")
        val HEX = Regex("[0-9a-fA-F]{4}")
    }
}

package dev.slidemobile.core

/**
 * JSON, read and written. Plain Kotlin has none and `core` has no dependencies (org.json is
 * Android's), so it is small enough to be here.
 *
 * A number keeps its digits as written: a manifest's seal is over the text of its numbers.
 */
sealed interface Json {
    data class Object(val fields: Map<String, Json>) : Json
    data class Array(val items: List<Json>) : Json
    data class Text(val value: String) : Json
    data class Number(val digits: String) : Json
    data class Bool(val value: Boolean) : Json
    data object Null : Json

    companion object {
        /** Reads one document; throws [JsonError] with the position of what is wrong. */
        fun parse(text: String): Json = JsonReader(text).document()

        fun of(value: String?): Json = value?.let(::Text) ?: Null
        fun of(value: Boolean): Json = Bool(value)
        fun of(value: Int?): Json = value?.let { Number(it.toString()) } ?: Null
        fun of(value: Long?): Json = value?.let { Number(it.toString()) } ?: Null

        /** NaN and Inf are no JSON numbers: they become null. */
        fun of(value: Double?): Json =
            if (value == null || !value.isFinite()) Null else Number(value.toString())

        fun <T> list(items: Iterable<T>, json: (T) -> Json): Json = Array(items.map(json))
        fun fields(vararg fields: Pair<String, Json>): Object = Object(linkedMapOf(*fields))
    }
}

class JsonError(message: String) : Exception(message)

/** Indented by one space a level; lists of plain values stay on one line. */
fun Json.print(indent: String = ""): String {
    val deeper = "$indent "
    return when (this) {
        is Json.Object -> if (fields.isEmpty()) "{}" else {
            fields.entries.joinToString(",\n", "{\n", "\n$indent}") { (name, value) ->
                "$deeper${quoted(name)}: ${value.print(deeper)}"
            }
        }
        is Json.Array -> if (items.none { it is Json.Object || it is Json.Array }) {
            items.joinToString(", ", "[", "]") { it.print() }
        } else {
            items.joinToString(",\n", "[\n", "\n$indent]") { deeper + it.print(deeper) }
        }
        is Json.Text -> quoted(value)
        is Json.Number -> digits
        is Json.Bool -> value.toString()
        Json.Null -> "null"
    }
}

/** As Python's `json.dumps(..., sort_keys=True)` writes it: what a manifest's seal is over. */
fun Json.canonical(): String = when (this) {
    is Json.Object -> {
        val sorted = fields.entries.sortedBy { it.key }
        sorted.joinToString(", ", "{", "}") { (name, value) ->
            "${quoted(name)}: ${value.canonical()}"
        }
    }
    is Json.Array -> items.joinToString(", ", "[", "]") { it.canonical() }
    else -> print()
}

/** With every character outside printable ASCII escaped, as Python does by default. */
private fun quoted(text: String): String = buildString(text.length + 2) {
    append('"')
    for (character in text) {
        when (character) {
            '"' -> append("\\\"")
            '\\' -> append("\\\\")
            '\n' -> append("\\n")
            '\r' -> append("\\r")
            '\t' -> append("\\t")
            '\b' -> append("\\b")
            '\u000c' -> append("\\f")
            in ' '..'~' -> append(character)
            else -> append("\\u").append(character.code.toString(16).padStart(4, '0'))
        }
    }
    append('"')
}

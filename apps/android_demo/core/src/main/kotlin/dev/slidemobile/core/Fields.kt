package dev.slidemobile.core

/** The fields of a JSON object; what is missing or of another type is named with its path. */
internal class Fields(json: Any?, private val document: String, private val path: String = "") {
    private val fields = json as? Map<*, *> ?: damaged(path.ifEmpty { "the document" }, "an object")

    fun of(name: String) = Fields(value(name), document, path(name))

    fun list(name: String): List<Fields> =
        array(name).mapIndexed { index, item -> Fields(item, document, "${path(name)}/$index") }

    fun text(name: String): String = value(name) as? String ?: damaged(path(name), "a text")

    fun textOrNull(name: String): String? = if (value(name) == null) null else text(name)

    /** Null also where there is no such field. */
    fun textIfAny(name: String): String? = if (name in fields) textOrNull(name) else null

    fun matching(name: String, pattern: Regex): String =
        text(name).also { if (!pattern.matches(it)) damaged(path(name), "like ${pattern.pattern}") }

    /** An object whose names and values are texts. */
    fun texts(name: String, names: Regex, values: Regex): Map<String, String> {
        val fields = value(name) as? Map<*, *> ?: damaged(path(name), "an object")
        return fields.entries.associate { (key, value) ->
            if (!names.matches(key as String)) damaged(path(name), "a list of paths in the folder")
            if (value !is String || !values.matches(value)) {
                damaged("${path(name)}/$key", "like ${values.pattern}")
            }
            key to value
        }
    }

    fun long(name: String, minimum: Long = 0): Long =
        (value(name) as? Long)?.takeIf { it >= minimum }
            ?: damaged(path(name), "a whole number from $minimum")

    fun int(name: String, minimum: Int = 0): Int {
        val number = long(name, minimum.toLong())
        if (number > Int.MAX_VALUE) damaged(path(name), "a number that fits")
        return number.toInt()
    }

    fun intOrNull(name: String, minimum: Int = 0): Int? =
        if (value(name) == null) null else int(name, minimum)

    fun double(name: String, range: ClosedRange<Double>): Double =
        number(value(name), name).takeIf { it in range }
            ?: damaged(path(name), "from ${range.start} to ${range.endInclusive}")

    fun doublesOrNull(name: String): DoubleArray? {
        if (value(name) == null) return null
        val items = array(name)
        return DoubleArray(items.size) { number(items[it], name) }
    }

    /** Every size from 1 to [largest], and small enough together for one buffer. */
    fun shape(name: String, largest: Int): List<Int> {
        val sizes = array(name).map { it as? Long ?: 0 }
        val elements = sizes.fold(1L) { product, size ->
            if (size in 1..largest) minOf(product * size, MAX_ELEMENTS + 1) else MAX_ELEMENTS + 1
        }
        val isShape = sizes.isNotEmpty() && elements <= MAX_ELEMENTS
        return if (isShape) sizes.map { it.toInt() } else damaged(path(name), "a shape")
    }

    fun <T : Enum<T>> oneOf(name: String, values: Array<T>): T {
        val text = text(name)
        return values.firstOrNull { it.name.equals(text, ignoreCase = true) }
            ?: damaged(path(name), "one of ${values.joinToString { it.name.lowercase() }}")
    }

    private fun array(name: String): List<*> =
        value(name) as? List<*> ?: damaged(path(name), "a list")

    private fun number(value: Any?, name: String): Double =
        (value as? Number)?.toDouble() ?: damaged(path(name), "a number")

    private fun value(name: String): Any? =
        if (name in fields) fields[name] else damaged(path(name), "there")

    private fun path(name: String) = if (path.isEmpty()) name else "$path/$name"

    private fun damaged(where: String, wanted: String): Nothing =
        throw NotUsable("$document is damaged: $where is not $wanted")

    private companion object {
        const val MAX_ELEMENTS = 1L shl 26
    }
}

package dev.slidemobile.core

/** The fields of a JSON object; what is missing or of another type is named with its path. */
internal class Fields(json: Json, private val document: String, private val path: String = "") {
    private val fields =
        (json as? Json.Object)?.fields ?: damaged(path.ifEmpty { "the document" }, "an object")

    fun of(name: String) = Fields(value(name), document, path(name))

    fun list(name: String): List<Fields> =
        array(name).mapIndexed { index, item -> Fields(item, document, "${path(name)}/$index") }

    fun text(name: String): String =
        (value(name) as? Json.Text)?.value ?: damaged(path(name), "a text")

    fun textOrNull(name: String): String? = if (value(name) == Json.Null) null else text(name)

    fun matching(name: String, pattern: Regex): String =
        text(name).also { if (!pattern.matches(it)) damaged(path(name), "like ${pattern.pattern}") }

    fun long(name: String, minimum: Long = 0): Long {
        val number = (value(name) as? Json.Number)?.digits?.toLongOrNull()
        return number?.takeIf { it >= minimum }
            ?: damaged(path(name), "a whole number from $minimum")
    }

    fun int(name: String, minimum: Int = 0): Int {
        val number = long(name, minimum.toLong())
        if (number > Int.MAX_VALUE) damaged(path(name), "a number that fits")
        return number.toInt()
    }

    fun double(name: String): Double = number(value(name), name)

    fun doublesOrNull(name: String): DoubleArray? {
        if (value(name) == Json.Null) return null
        val items = array(name)
        return DoubleArray(items.size) { number(items[it], name) }
    }

    /** Every size at least 1, and small enough together for one buffer. */
    fun shape(name: String): List<Int> {
        val sizes = array(name).map { (it as? Json.Number)?.digits?.toIntOrNull() ?: 0 }
        val elements = sizes.fold(1L) { product, size -> minOf(product * size, MAX_ELEMENTS + 1) }
        val isShape = sizes.isNotEmpty() && sizes.all { it >= 1 } && elements <= MAX_ELEMENTS
        return if (isShape) sizes else damaged(path(name), "a shape")
    }

    fun <T : Enum<T>> oneOf(name: String, values: Array<T>): T {
        val text = text(name)
        return values.firstOrNull { it.name.equals(text, ignoreCase = true) }
            ?: damaged(path(name), "one of ${values.joinToString { it.name.lowercase() }}")
    }

    private fun array(name: String): List<Json> =
        (value(name) as? Json.Array)?.items ?: damaged(path(name), "a list")

    private fun number(json: Json, name: String): Double =
        (json as? Json.Number)?.digits?.toDouble()?.takeIf { it.isFinite() }
            ?: damaged(path(name), "a number")

    private fun value(name: String): Json = fields[name] ?: damaged(path(name), "there")

    private fun path(name: String) = if (path.isEmpty()) name else "$path/$name"

    private fun damaged(where: String, wanted: String): Nothing =
        throw NotUsable("$document is damaged: $where is not $wanted")

    private companion object {
        const val MAX_ELEMENTS = 1L shl 26
    }
}

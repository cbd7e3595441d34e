package dev.slidemobile.core

import java.io.File

/** apps/conformance: what Python, Swift and Kotlin must agree on. */
internal object Conformance {
    /** Gradle runs the tests in core/. */
    private val root = File(System.getProperty("conformance") ?: "../../conformance")

    fun file(name: String) = File(root, name)

    fun cases(file: String, list: String): List<Map<String, Json>> {
        val document = Json.parse(file(file).readText()) as Json.Object
        val cases = document.fields.items(list).map { (it as Json.Object).fields }
        check(cases.isNotEmpty()) { "$file has no $list" }
        return cases
    }
}

internal fun Map<String, Json>.text(name: String): String = (getValue(name) as Json.Text).value
internal fun Map<String, Json>.int(name: String): Int =
    (getValue(name) as Json.Number).digits.toInt()
internal fun Map<String, Json>.bool(name: String): Boolean = (getValue(name) as Json.Bool).value
internal fun Map<String, Json>.texts(name: String): List<String> =
    items(name).map { (it as Json.Text).value }
internal fun Map<String, Json>.doubles(name: String): DoubleArray =
    items(name).map { requireNotNull(it.double()) }.toDoubleArray()
internal fun Map<String, Json>.items(name: String): List<Json> =
    (getValue(name) as Json.Array).items

/** A number, or one of the texts that stand for what JSON has no number for; null is null. */
internal fun Json.double(): Double? = when (this) {
    is Json.Number -> digits.toDouble()
    is Json.Text -> when (value) {
        "nan" -> Double.NaN
        "inf" -> Double.POSITIVE_INFINITY
        "-inf" -> Double.NEGATIVE_INFINITY
        else -> error(value)
    }
    Json.Null -> null
    else -> error("not a number: $this")
}

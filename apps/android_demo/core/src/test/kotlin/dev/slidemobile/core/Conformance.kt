package dev.slidemobile.core

import java.io.File

/** apps/conformance: what Python, Swift and Kotlin must agree on. */
internal object Conformance {
    /** Gradle runs the tests in core/. */
    private val root = File(System.getProperty("conformance") ?: "../../conformance")

    fun file(name: String) = File(root, name)

    fun cases(file: String, list: String): List<Map<String, Any?>> =
        document(file).items(list).map { it.fields() }.also { check(it.isNotEmpty()) }

    fun document(file: String): Map<String, Any?> = Json.read(file(file).readBytes()).fields()
}

@Suppress("UNCHECKED_CAST")
internal fun Any?.fields(): Map<String, Any?> = this as Map<String, Any?>
internal fun Any?.items(): List<Any?> = this as List<Any?>
internal fun Map<String, Any?>.text(name: String): String = getValue(name) as String
internal fun Map<String, Any?>.int(name: String): Int = (getValue(name) as Long).toInt()
internal fun Map<String, Any?>.bool(name: String): Boolean = getValue(name) as Boolean
internal fun Map<String, Any?>.texts(name: String): List<String> = items(name).map { it as String }
internal fun Map<String, Any?>.doubles(name: String): DoubleArray =
    items(name).map { requireNotNull(it.double()) }.toDoubleArray()

internal fun Map<String, Any?>.items(name: String): List<Any?> = getValue(name).items()

/** A number, or one of the texts that stand for what JSON has no number for; null is null. */
internal fun Any?.double(): Double? = when (this) {
    is Number -> toDouble()
    "nan" -> Double.NaN
    "inf" -> Double.POSITIVE_INFINITY
    "-inf" -> Double.NEGATIVE_INFINITY
    null -> null
    else -> error("not a number: $this")
}

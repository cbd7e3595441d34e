package dev.slidemobile.core

import com.fasterxml.jackson.core.JsonFactory
import com.fasterxml.jackson.core.JsonGenerator
import com.fasterxml.jackson.core.JsonParser
import com.fasterxml.jackson.core.JsonProcessingException
import com.fasterxml.jackson.core.JsonToken
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter
import java.io.StringWriter
import java.nio.charset.CharacterCodingException

/**
 * JSON as plain values: `Map<String, Any?>`, `List<Any?>`, `String`, `Boolean`, `Long`, `Double`
 * and null. Jackson splits the text into tokens, and takes nothing that RFC 8259 does not allow:
 * neither NaN, nor `TRUE`, nor a line break inside a text.
 */
object Json {
    private const val MAX_DEPTH = 64  // a manifest is five deep
    private val factory = JsonFactory()

    /** Reads a document in UTF-8; throws [JsonError], also for a field that is named twice. */
    fun read(bytes: ByteArray): Any? = try {
        factory.createParser(bytes.decodeToString(throwOnInvalidSequence = true)).use { parser ->
            parser.nextToken()
            val value = value(parser, depth = 0)
            if (parser.nextToken() != null) throw JsonError("is not one JSON value")
            value
        }
    } catch (error: CharacterCodingException) {
        throw JsonError("is not UTF-8 text")
    } catch (error: JsonProcessingException) {
        val why = error.originalMessage.lineSequence().first()
        throw JsonError("is not JSON: line ${error.location.lineNr}: $why")
    }

    /** Writes a document, indented; NaN and Inf, which JSON cannot write, become null. */
    fun write(document: Any?): String {
        val text = StringWriter()
        factory.createGenerator(text).setPrettyPrinter(DefaultPrettyPrinter()).use {
            write(it, document)
        }
        return text.toString()
    }

    private fun value(parser: JsonParser, depth: Int): Any? {
        if (depth > MAX_DEPTH) throw JsonError("is nested deeper than $MAX_DEPTH")
        return when (parser.currentToken()) {
            JsonToken.START_OBJECT -> fields(parser, depth + 1)
            JsonToken.START_ARRAY -> items(parser, depth + 1)
            JsonToken.VALUE_STRING -> parser.text
            JsonToken.VALUE_NUMBER_INT -> parser.text.toLongOrNull()
            JsonToken.VALUE_NUMBER_FLOAT -> parser.text.toDouble().takeIf { it.isFinite() }
            JsonToken.VALUE_TRUE -> true
            JsonToken.VALUE_FALSE -> false
            JsonToken.VALUE_NULL -> return null
            else -> throw JsonError("is not JSON: it ends too early")
        } ?: throw JsonError("has a number out of range: ${parser.text.take(20)}")
    }

    private fun fields(parser: JsonParser, depth: Int): Map<String, Any?> {
        val fields = LinkedHashMap<String, Any?>()
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            val name = parser.currentName
            // Readers that keep different ones of the two read different documents.
            if (name in fields) throw JsonError("names a field twice: ${name.take(80)}")
            parser.nextToken()
            fields[name] = value(parser, depth)
        }
        return fields
    }

    private fun items(parser: JsonParser, depth: Int): List<Any?> {
        val items = ArrayList<Any?>()
        while (parser.nextToken() != JsonToken.END_ARRAY) items += value(parser, depth)
        return items
    }

    private fun write(generator: JsonGenerator, value: Any?) {
        when (value) {
            is Map<*, *> -> {
                generator.writeStartObject()
                for ((name, field) in value) {
                    generator.writeFieldName(name as String)
                    write(generator, field)
                }
                generator.writeEndObject()
            }
            is List<*> -> {
                generator.writeStartArray()
                for (item in value) write(generator, item)
                generator.writeEndArray()
            }
            is String -> generator.writeString(value)
            is Boolean -> generator.writeBoolean(value)
            is Int -> generator.writeNumber(value)
            is Long -> generator.writeNumber(value)
            is Double ->
                if (value.isFinite()) generator.writeNumber(value) else generator.writeNull()
            null -> generator.writeNull()
            else -> throw IllegalArgumentException("${value.javaClass} is not a JSON value")
        }
    }
}

/** What is wrong with a document, to be read after its name: "is not JSON: ...". */
class JsonError(message: String) : Exception(message)

package dev.slidemobile.core

/**
 * A measurement that a script asks for, without anyone at the screen. Its words, their ranges and
 * what is refused are those of iOS's address (apps/conformance/headless.json).
 */
data class HeadlessRequest(
    val artifacts: List<String>,  // empty: all
    val accelerator: String?,
    val threads: Int?,
    val plan: Plan,
    val isSustained: Boolean,
    val isInterleaved: Boolean,
    /** Of several starts that measure the same, which one this is; null if it is the only one. */
    val turn: Turn?,
    val precision: Precision?,
    val isVerified: Boolean,
    val output: String,
) {
    /** The groups to measure together, and the artifacts that cannot be measured as asked. */
    class Groups(val groups: List<List<Candidate>>, val failed: List<Failure>)

    /** Finds the candidates; throws [NotUsable] if a named one cannot be measured as asked. */
    fun groups(entries: List<Entry>): Groups {
        val library = ArtifactLibrary(entries)
        val candidates = artifacts.mapTo(ArrayList()) {
            library.candidate(it, accelerator, threads, precision)
        }
        val failed = ArrayList<Failure>()
        if (artifacts.isEmpty()) {
            for (entry in entries.filterIsInstance<Entry.Usable>()) {
                // A runtime may throw anything when it is asked what it offers.
                runCatching { ArtifactLibrary.candidate(entry, accelerator, threads, precision) }
                    .onSuccess { candidates += it }
                    .onFailure { failed += Failure(entry.folder, it.line()) }
            }
        }
        val isTogether = isInterleaved && candidates.isNotEmpty()
        return Groups(if (isTogether) listOf(candidates) else candidates.map { listOf(it) }, failed)
    }

    companion object {
        private const val USUAL_OUTPUT = "measurement.json"
        private val WORDS = listOf(
            "artifact", "accelerator", "precision", "threads", "warmup", "runs", "seconds",
            "sustained", "wait", "ab", "session", "verify", "out",
        )

        /**
         * Reads an intent's extras, whatever their types. Throws [NotUsable] for an unknown word: a
         * script with a misspelt word must not get numbers that it did not ask for.
         */
        fun of(extras: Map<String, Any?>): HeadlessRequest {
            extras.keys.firstOrNull { it !in WORDS }?.let {
                throw NotUsable("$it is not known, only ${WORDS.joinToString()}")
            }
            val asked = Extras(extras)
            val usual = Plan(
                warmupRuns = asked.whole("warmup", 0..10_000) ?: Plan().warmupRuns,
                runs = asked.whole("runs", 1..1_000_000) ?: Plan().runs,
                seconds = asked.number("seconds", 0..3600) ?: Plan().seconds,
                waitSeconds = asked.number("wait", 0..3600) ?: Plan().waitSeconds,
            )
            val sustained = asked.number("sustained", 1..3600)
            return HeadlessRequest(
                artifacts = asked.names("artifact"),
                accelerator = asked.name("accelerator"),
                threads = asked.whole("threads", 1..64),
                plan = sustained?.let { usual.copy(runs = 1, seconds = it) } ?: usual,
                isSustained = sustained != null,
                isInterleaved = asked.flag("ab"),
                turn = asked.whole("session", 1..99)?.let(::Turn),
                precision = asked.precision("precision"),
                isVerified = asked.flag("verify"),
                output = asked.file("out") ?: USUAL_OUTPUT,
            )
        }

        /** Works for refused extras, too: a file of an earlier start must not pass for theirs. */
        fun output(extras: Map<String, Any?>): String? = try {
            Extras(extras).file("out") ?: USUAL_OUTPUT
        } catch (error: NotUsable) {
            null
        }
    }
}

/** An intent's extras by name; one that is left out is null, or false. */
private class Extras(private val values: Map<String, Any?>) {
    fun whole(name: String, range: IntRange): Int? = text(name)?.let {
        val number = if (WHOLE.matches(it)) it.toIntOrNull() else null
        number?.takeIf { it in range } ?: throw notFrom(range, name, "a whole number")
    }

    fun number(name: String, range: IntRange): Double? = text(name)?.let {
        val number = if (NUMBER.matches(it)) it.toDouble() else Double.NaN
        val isWithin = number >= range.first && number <= range.last
        if (isWithin) number else throw notFrom(range, name, "a number")
    }

    fun flag(name: String): Boolean =
        values[name] as? Boolean ?: (whole(name, 0..1) == 1)

    fun precision(name: String): Precision? = text(name)?.let { text ->
        val known = Precision.values()
        known.firstOrNull { it.label == text }
            ?: throw NotUsable("$name=$text is not ${known.joinToString(" or ") { it.label }}")
    }

    fun name(name: String): String? = text(name)?.also { requireName(name, it) }

    /** The texts of one extra with commas, or of a list. */
    fun names(name: String): List<String> {
        val names = when (val value = values[name]) {
            is Array<*> -> value.map { it?.toString().orEmpty() }
            is List<*> -> value.map { it?.toString().orEmpty() }
            else -> text(name)?.split(',') ?: return emptyList()
        }
        if (names.isEmpty()) requireName(name, "")
        return names.onEach { requireName(name, it) }
    }

    fun file(name: String): String? = text(name)?.also {
        if (!it.endsWith(".json") || it.startsWith(".") || '/' in it) {
            throw NotUsable(
                "$name=$it is not a file name that ends in .json, " +
                    "with no / in it and no dot before it",
            )
        }
    }

    /** The text that iOS would find in the address: 10 means the same as `--ei` and as `--es`. */
    private fun text(name: String): String? = when (val value = values[name]) {
        null -> if (name in values) "" else null
        is String, is Number, is Boolean -> value.toString()
        else -> throw NotUsable("$name is of type ${value.javaClass.simpleName}, not one value")
    }

    private fun requireName(name: String, text: String) {
        if (text.isEmpty()) throw NotUsable("$name is empty: name one, or leave it out")
    }

    private fun notFrom(range: IntRange, name: String, what: String) =
        NotUsable("$name=${text(name)} is not $what from ${range.first} to ${range.last}")

    private companion object {
        // What Swift reads as a number; Java also reads "1d", " 1" and digits of other scripts.
        val WHOLE = Regex("[+-]?[0-9]+")
        val NUMBER = Regex("[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][+-]?[0-9]+)?")
    }
}

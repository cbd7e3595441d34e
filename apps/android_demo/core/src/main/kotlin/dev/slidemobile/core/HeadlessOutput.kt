package dev.slidemobile.core

import java.io.File

/**
 * The files of headless starts, in a [folder] that a script can read: the document, or the reason
 * why there is none.
 */
class HeadlessOutput(private val folder: File) {
    /**
     * Writes the text that [measure] gives for the extras that are [asked] for, and returns its
     * file. Whatever happens, no file of an earlier start is left. A failure is thrown, and its
     * reason is in [ERRORS].
     */
    fun answer(asked: () -> Map<String, Any?>, measure: (HeadlessRequest) -> String): File {
        val errors = File(folder, ERRORS)
        errors.delete()
        return runCatching {
            val extras = asked()
            HeadlessRequest.output(extras)?.let { File(folder, it).delete() }
            val request = HeadlessRequest.of(extras)
            written(request.output, measure(request))
        }.onFailure { error ->
            // The caller has the reason even if no file can be written.
            runCatching { errors.writeText("${error.failed()}\n") }
        }.getOrThrow()
    }

    /** Aside first, so that it appears whole. */
    private fun written(name: String, text: String): File {
        val file = File(folder, name)
        val aside = File(folder, "$name.incomplete")
        aside.writeText(text)
        check(aside.renameTo(file)) { "cannot write $file" }
        return file
    }

    companion object {
        const val ERRORS = "slidemeasure-error.txt"
    }
}

/** What the log and the file of errors say of a headless start that failed. */
fun Throwable.failed(): String = "FAILED ${line()}"

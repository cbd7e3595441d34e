package dev.slidemobile.core

/** Versions of runtimes: numbers with dots, of which anything that follows is ignored. */
object Releases {
    private val NUMBERS = Regex("""\d{1,6}(\.\d{1,6}){0,4}""")

    /** Whether a runtime is new enough; a version that is none is not. */
    fun covers(runtime: String, oldest: String): Boolean {
        val has = numbers(runtime) ?: return false
        val needs = numbers(oldest) ?: return false
        for (place in 0 until maxOf(has.size, needs.size)) {
            val difference = has.getOrElse(place) { 0 } - needs.getOrElse(place) { 0 }
            if (difference != 0) return difference > 0
        }
        return true
    }

    /** Why a runtime of this version cannot run a file that needs [oldest], or null. */
    fun refusal(name: String, runtime: String, oldest: String?): String? {
        if (oldest == null || covers(runtime, oldest)) return null
        return "it needs $name $oldest or newer, this app has $runtime"
    }

    private fun numbers(version: String): List<Int>? =
        NUMBERS.matchAt(version, 0)?.value?.split('.')?.map { it.toInt() }
}

package dev.slidemobile.core

/**
 * What device farms may ask for, as the extras of a headless start. A game loop of Firebase Test
 * Lab is a number, and means the same on iOS (apps/conformance/game_loops.json).
 */
object Farm {
    /** Of an argument of `am instrument` that is meant for [HeadlessRequest]. */
    private const val PREFIX = "slide_"

    /** From scenario 1 on. */
    private val SCENARIOS = listOf(
        mapOf("verify" to "1"),
        mapOf("accelerator" to "gpu", "verify" to "1"),
        mapOf("accelerator" to "npu", "verify" to "1"),
        mapOf("sustained" to "60"),
    )

    /** A loop is ended after some minutes, which a phone must not spend on cooling down. */
    private const val WAIT = "30"

    /** The extras that a scenario stands for; throws [NotUsable] for one that is not known. */
    fun scenario(number: Int): Map<String, Any?> {
        val words = SCENARIOS.getOrNull(number - 1) ?: throw NotUsable(
            "scenario=$number is not a whole number from 1 to ${SCENARIOS.size}",
        )
        return words + mapOf("wait" to WAIT, "out" to "game-loop-$number.json")
    }

    /**
     * The extras among the arguments of an instrumentation: those that begin with `slide_`. The
     * others are the test runner's and the farm's own.
     */
    fun extras(arguments: Map<String, Any?>): Map<String, Any?> =
        arguments.filterKeys { it.startsWith(PREFIX) }.mapKeys { it.key.removePrefix(PREFIX) }
}

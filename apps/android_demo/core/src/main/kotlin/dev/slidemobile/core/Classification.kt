package dev.slidemobile.core

import kotlin.math.exp

/** A class, and its probability by softmax. */
data class Score(val label: String, val probability: Double)

object Classification {
    /** The [count] likeliest classes, best first; [labels] are in the order of the logits. */
    fun top(logits: FloatArray, labels: List<String>, count: Int = 3): List<Score> {
        val greatest = logits.maxOrNull() ?: return emptyList()
        val weights = DoubleArray(logits.size) { exp((logits[it] - greatest).toDouble()) }
        val sum = weights.sum()
        return weights.indices.sortedByDescending { weights[it] }.take(count).map {
            Score(labels.getOrElse(it) { "class $it" }, weights[it] / sum)
        }
    }
}

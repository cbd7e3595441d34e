package dev.slidemobile.measure

import android.content.Intent
import dev.slidemobile.core.Accelerator
import dev.slidemobile.core.Plan

/** The extras of a headless start. */
class HeadlessRequest private constructor(
    val artifacts: List<String>,
    val accelerator: Accelerator,
    val threads: Int,
    val plan: Plan,
    val isSustained: Boolean,
    val isVerified: Boolean,
    val out: String,
) {
    companion object {
        private val OUT = Regex("[A-Za-z0-9_.-]+\\.json")

        fun of(intent: Intent): HeadlessRequest {
            val isSustained = intent.getBooleanExtra("sustained", false)
            val usual = Plan()
            val seconds = if (isSustained) Plan.SUSTAINED_SECONDS else usual.seconds
            val named = intent.getStringExtra("artifact").orEmpty()
            val accelerator = intent.getStringExtra("accelerator") ?: Accelerator.CPU.label
            val accelerators = Accelerator.values()
            return HeadlessRequest(
                artifacts = named.split(',').filter { it.isNotEmpty() },
                accelerator = requireNotNull(accelerators.firstOrNull { it.label == accelerator }) {
                    "accelerator $accelerator is none of ${accelerators.joinToString { it.label }}"
                },
                threads = intent.getIntExtra("threads", 4).coerceAtLeast(1),
                plan = Plan(
                    warmupRuns = intent.getIntExtra("warmup", usual.warmupRuns).coerceAtLeast(0),
                    runs = intent.getIntExtra("runs", usual.runs).coerceAtLeast(1),
                    seconds = intent.getFloatExtra("seconds", seconds.toFloat()).toDouble(),
                ),
                isSustained = isSustained,
                isVerified = intent.getBooleanExtra("verify", false),
                out = (intent.getStringExtra("out") ?: "measurement.json").also {
                    require(OUT.matches(it)) { "$it is not the name of a JSON file" }
                },
            )
        }
    }
}

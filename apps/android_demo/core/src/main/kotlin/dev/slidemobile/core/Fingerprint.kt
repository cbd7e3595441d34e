package dev.slidemobile.core

import kotlin.math.abs

/**
 * The golden images on an accelerator beside the CPU. A runtime that falls back to the CPU without
 * a word gives the CPU's outputs to the last bit, at the CPU's speed: nothing else does both.
 */
data class Fingerprint(
    val isEqualToCpu: Boolean,
    /** Null where an output is not finite. */
    val maxAbs: Double?,
    val cpuMs: Double,
    val ownMs: Double,
) {
    /** Why not to believe that it ran on this accelerator; empty if it may have. */
    fun whyInvalid(accelerator: String): List<String> {
        val isSameSpeed = ownMs / cpuMs in 1 / SAME_SPEED..SAME_SPEED
        if (!isEqualToCpu || !isSameSpeed) return emptyList()
        return listOf("$accelerator gives the CPU's outputs, to the last bit, at the CPU's speed")
    }

    companion object {
        private const val SAME_SPEED = 1.10
        private const val RUNS = 10

        /** Runs both models; the buffers of [own] then hold another image. */
        fun take(artifact: Artifact, own: Session, cpu: Session, clock: Clock): Fingerprint {
            val input = artifact.manifest.input
            val tensor = Preprocessing.allocate(input)
            var isEqual = true
            var maxAbs: Double? = 0.0
            for (golden in artifact.manifest.golden) {
                Preprocessing.fill(tensor, artifact.picture(golden), input)
                val theirs = outputs(cpu, tensor, artifact)
                for ((mine, other) in outputs(own, tensor, artifact) zip theirs) {
                    isEqual = isEqual && mine.toRawBits() == other.toRawBits()
                    val apart = abs(mine.toDouble() - other.toDouble())
                    maxAbs = if (apart.isFinite()) maxAbs?.let { maxOf(it, apart) } else null
                }
            }
            return Fingerprint(isEqual, maxAbs, median(cpu, clock), median(own, clock))
        }

        private fun outputs(
            session: Session, tensor: java.nio.ByteBuffer, artifact: Artifact,
        ): List<Float> {
            session.write(tensor)
            session.run()
            return artifact.manifest.outputs.indices.flatMap { session.read(it).asList() }
        }

        private fun median(session: Session, clock: Clock): Double {
            val samples = DoubleArray(RUNS) {
                val start = clock.nanoseconds()
                session.run()
                (clock.nanoseconds() - start) / NANOSECONDS_PER_MILLISECOND
            }
            return Statistics.percentile(samples, 50.0)
        }
    }
}

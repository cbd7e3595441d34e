package dev.slidemobile.core

import kotlin.math.log10

/**
 * The verdict on one golden image. [sqnrDb] is null where there is no such number: the logits are
 * equal to the last bit if it [passed], and not finite or without a signal if not.
 */
data class VerifiedImage(val file: String, val sqnrDb: Double?, val passed: Boolean)

/**
 * Does the model still compute, on this device and accelerator, what PyTorch computed? Under the
 * same floor that the artifact was certified with (slide_mobile/parity/metrics.py).
 */
object Verification {
    /** What Python reports for outputs that are equal to the last bit (parity/metrics.py). */
    private const val EXACT_DB = 200.0

    /** Why there is nothing to compare with, or null. */
    fun refusal(manifest: Manifest): String? =
        if (manifest.isClassifier) null
        else "no logits: other outputs are compared on the host, by slide-mobile check"

    /** Runs and compares every golden image; never call it on the UI's thread. */
    fun run(artifact: Artifact, session: Session): List<VerifiedImage> {
        val manifest = artifact.manifest
        refusal(manifest)?.let { throw NotUsable(it) }
        val input = manifest.input
        val tensor = Preprocessing.allocate(input)
        return manifest.golden.map { golden ->
            Preprocessing.fill(tensor, artifact.picture(golden), input)
            session.write(tensor)
            session.run()
            val output = session.read(0)
            val logits = DoubleArray(output.size) { output[it].toDouble() }
            compare(golden.file, golden.logits ?: DoubleArray(0), logits, manifest.minSqnrDb)
        }
    }

    /** Compares one image's logits with the manifest's. */
    fun compare(
        file: String, reference: DoubleArray, output: DoubleArray, minSqnrDb: Double,
    ): VerifiedImage {
        if (reference.size != output.size || !(reference + output).all { it.isFinite() }) {
            return VerifiedImage(file, null, passed = false)
        }
        var signal = 0.0
        var noise = 0.0
        for (index in reference.indices) {
            val difference = reference[index] - output[index]
            signal += reference[index] * reference[index]
            noise += difference * difference
        }
        if (noise == 0.0) return VerifiedImage(file, null, passed = true)
        if (signal == 0.0) return VerifiedImage(file, null, passed = false)
        val db = 10 * log10(signal / noise)
        return VerifiedImage(file, db.takeIf { it < EXACT_DB }, passed = db >= minSqnrDb)
    }
}

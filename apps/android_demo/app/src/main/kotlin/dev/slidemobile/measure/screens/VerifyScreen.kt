package dev.slidemobile.measure.screens

import android.app.Activity
import android.view.ViewGroup
import android.widget.Button
import android.widget.TextView
import dev.slidemobile.core.Candidate
import dev.slidemobile.core.VerifiedImage
import dev.slidemobile.core.Verification
import dev.slidemobile.measure.Images
import dev.slidemobile.measure.R
import dev.slidemobile.measure.find
import dev.slidemobile.measure.line

/** The parity capsule, run on this phone and the chosen accelerator. */
class VerifyScreen(activity: Activity, parent: ViewGroup) :
    Screen(activity, parent, R.layout.verify) {
    private val start = view.find<Button>(R.id.start)
    private val report = view.find<TextView>(R.id.report)
    private val picker = Picker(view, measure)

    init {
        start.setOnClickListener { picker.candidate?.let(::begin) }
    }

    override fun shown() = picker.refresh()

    private fun begin(candidate: Candidate) {
        val refusal = Verification.refusal(candidate.artifact.manifest)
        if (refusal != null) {
            report.text = refusal
            return
        }
        start.isEnabled = false
        report.setText(R.string.verifying)
        measure.work.submit(
            {
                candidate.open().use { Verification.run(candidate.artifact, it, Images) }
            },
            failed = { start.isEnabled = true; report.text = text(R.string.failed, it.line()) },
            done = { images ->
                start.isEnabled = true
                measure.add(candidate, images)
                report.text = describe(images, candidate.artifact.manifest.minSqnrDb)
            },
        )
    }

    private fun describe(images: List<VerifiedImage>, floor: Double): String {
        val verdict = if (images.all { it.passed }) R.string.verified else R.string.not_verified
        val head = text(verdict, images.count { it.passed }, images.size, floor)
        return (listOf(head) + images.map(::describe)).joinToString("\n")
    }

    private fun describe(image: VerifiedImage): String {
        val verdict = text(if (image.passed) R.string.passed else R.string.missed)
        val db = image.sqnrDb
        return when {
            db != null -> text(R.string.image_db, image.file, db, verdict)
            image.passed -> text(R.string.image_equal, image.file, verdict)
            else -> text(R.string.image_no_db, image.file, verdict)
        }
    }
}

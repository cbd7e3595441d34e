package dev.slidemobile.measure.screens

import android.app.Activity
import android.view.ViewGroup
import android.widget.Button
import android.widget.TextView
import dev.slidemobile.core.Candidate
import dev.slidemobile.core.VerifiedImage
import dev.slidemobile.core.Verification
import dev.slidemobile.measure.Outcome
import dev.slidemobile.measure.R
import dev.slidemobile.measure.Verdict
import dev.slidemobile.measure.find

/** The parity capsule, run on this phone and the chosen accelerator. */
class VerifyScreen(activity: Activity, parent: ViewGroup) :
    Screen(activity, parent, R.layout.verify) {
    private val start = view.find<Button>(R.id.start)
    private val report = view.find<TextView>(R.id.report)
    private val picker = Picker(view, measure)

    init {
        start.setOnClickListener { picker.candidate?.let(::begin) }
    }

    override fun shown() {
        picker.refresh()
        update()
    }

    override fun update() {
        start.isEnabled = !measure.isVerifying
        if (measure.isVerifying) report.setText(R.string.verifying)
        when (val outcome = measure.verified) {
            null -> Unit
            is Outcome.Failed -> report.text = text(R.string.failed, outcome.why)
            is Outcome.Done -> report.text = describe(outcome.value)
        }
    }

    private fun begin(candidate: Candidate) {
        val refusal = Verification.refusal(candidate.artifact.manifest)
        if (refusal != null) {
            report.text = refusal
            return
        }
        measure.verify(candidate)
        update()
    }

    private fun describe(verdict: Verdict): String {
        val images = verdict.images
        val artifact = verdict.candidate.artifact
        val verdictText = if (images.all { it.passed }) R.string.verified else R.string.not_verified
        val floor = artifact.manifest.minSqnrDb
        val head = text(verdictText, images.count { it.passed }, images.size, floor)
        return (listOf(artifact.name, head) + images.map(::describe)).joinToString("\n")
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

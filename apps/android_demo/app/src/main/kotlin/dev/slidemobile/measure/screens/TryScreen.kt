package dev.slidemobile.measure.screens

import android.app.Activity
import android.content.ActivityNotFoundException
import android.content.ClipData
import android.content.Intent
import android.net.Uri
import android.os.Build
import android.os.Bundle
import android.provider.MediaStore
import android.view.View
import android.view.ViewGroup
import android.widget.ImageView
import android.widget.TextView
import dev.slidemobile.Images
import dev.slidemobile.core.Candidate
import dev.slidemobile.core.LoadedModel
import dev.slidemobile.core.Prediction
import dev.slidemobile.core.line
import dev.slidemobile.measure.R
import dev.slidemobile.measure.SharedFiles
import dev.slidemobile.measure.find
import java.io.File

/** A person's photo: its likeliest classes, and the time of each stage. */
class TryScreen(activity: Activity, parent: ViewGroup) :
    Screen(activity, parent, R.layout.try_photo) {
    private val image = view.find<ImageView>(R.id.image)
    private val report = view.find<TextView>(R.id.report)
    private val picker = Picker(view, measure) { classifyWaiting() }
    private var photo: Uri? = null

    // A photo chosen before the models are read: after the camera this may be a new process.
    private var waiting: Uri? = null

    init {
        view.find<View>(R.id.camera).setOnClickListener { openCamera() }
        view.find<View>(R.id.pick).setOnClickListener { openPicker() }
    }

    override fun shown() = picker.refresh()

    /** The camera may push this app out of memory; its photo then comes to a new screen. */
    fun save(state: Bundle) = state.putParcelable(PHOTO, photo)

    @Suppress("DEPRECATION")
    fun restore(state: Bundle) {
        photo = state.getParcelable(PHOTO)
    }

    fun photoTaken(request: Int, data: Intent?) {
        val uri = if (request == CAMERA) photo else data?.data
        waiting = uri ?: return
        classifyWaiting()
    }

    private fun openCamera() {
        val name = "photo.jpg"
        File(SharedFiles.folder(activity), name).delete()
        val uri = SharedFiles.uri(activity, name).also { photo = it }
        val intent = Intent(MediaStore.ACTION_IMAGE_CAPTURE).apply {
            putExtra(MediaStore.EXTRA_OUTPUT, uri)
            clipData = ClipData.newRawUri("", uri)
            addFlags(Intent.FLAG_GRANT_WRITE_URI_PERMISSION)
            addFlags(Intent.FLAG_GRANT_READ_URI_PERMISSION)
        }
        open(intent, CAMERA)
    }

    private fun openPicker() {
        val hasPicker = Build.VERSION.SDK_INT >= Build.VERSION_CODES.TIRAMISU
        val action = if (hasPicker) MediaStore.ACTION_PICK_IMAGES else Intent.ACTION_GET_CONTENT
        open(Intent(action).setType("image/*"), PICK)
    }

    private fun open(intent: Intent, request: Int) {
        try {
            @Suppress("DEPRECATION")
            activity.startActivityForResult(intent, request)
        } catch (_: ActivityNotFoundException) {
            report.setText(R.string.no_camera)
        }
    }

    private fun classifyWaiting() {
        val uri = waiting ?: return
        val candidate = picker.candidate ?: return
        waiting = null
        classify(candidate, uri)
    }

    private fun classify(candidate: Candidate, uri: Uri) {
        if (!candidate.artifact.manifest.isClassifier) {
            report.setText(R.string.no_classes)
            return
        }
        report.setText(R.string.measuring)
        measure.work.submit(
            { classified(candidate, uri) },
            failed = { report.text = text(R.string.failed, it.line()) },
            done = ::show,
        )
    }

    private fun classified(candidate: Candidate, uri: Uri): Prediction {
        val photo = Images.photo(activity.contentResolver, uri)
        return LoadedModel(candidate).use { it.predict(photo.picture, photo.orientation) }
    }

    private fun show(answer: Prediction) {
        image.setImageBitmap(Images.bitmap(answer.seen))
        val scores = answer.scores.map { text(R.string.score, it.label, 100 * it.probability) }
        val times = text(
            R.string.stage_times, answer.preprocessMs, answer.inferenceMs, answer.postprocessMs,
        )
        report.text = (scores + times).joinToString("\n")
    }

    private companion object {
        const val CAMERA = 1
        const val PICK = 2
        const val PHOTO = "photo"
    }
}

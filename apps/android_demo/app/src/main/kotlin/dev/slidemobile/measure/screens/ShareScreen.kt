package dev.slidemobile.measure.screens

import android.app.Activity
import android.content.ClipData
import android.content.Intent
import android.net.Uri
import android.view.ViewGroup
import android.widget.Button
import android.widget.TextView
import dev.slidemobile.core.line
import dev.slidemobile.measure.R
import dev.slidemobile.measure.SharedFiles
import dev.slidemobile.measure.find
import java.io.File

/** Everything that was measured since the app was started, as one JSON document. */
class ShareScreen(activity: Activity, parent: ViewGroup) :
    Screen(activity, parent, R.layout.share) {
    private val share = view.find<Button>(R.id.share)
    private val clear = view.find<Button>(R.id.clear)
    private val status = view.find<TextView>(R.id.status)

    init {
        share.setOnClickListener { begin() }
        clear.setOnClickListener { measure.measurements.clear(); shown() }
    }

    override fun shown() {
        val count = measure.measurements.results.size
        share.isEnabled = count > 0
        clear.isEnabled = count > 0
        status.text = activity.resources.getQuantityString(R.plurals.results, count, count)
    }

    private fun begin() {
        val results = measure.measurements.results
        measure.work.submit(
            {
                File(SharedFiles.folder(activity), NAME).writeText(measure.slide.document(results))
                SharedFiles.uri(activity, NAME)
            },
            failed = { status.text = it.line() },
            done = ::send,
        )
    }

    private fun send(uri: Uri) {
        val intent = Intent(Intent.ACTION_SEND).apply {
            type = "application/json"
            putExtra(Intent.EXTRA_STREAM, uri)
            clipData = ClipData.newRawUri("", uri)
            addFlags(Intent.FLAG_GRANT_READ_URI_PERMISSION)
        }
        activity.startActivity(Intent.createChooser(intent, text(R.string.share)))
    }

    private companion object {
        const val NAME = "slide-measure.json"
    }
}

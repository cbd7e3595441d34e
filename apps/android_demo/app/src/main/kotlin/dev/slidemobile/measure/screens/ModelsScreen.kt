package dev.slidemobile.measure.screens

import android.app.Activity
import android.text.format.Formatter
import android.view.ViewGroup
import android.widget.TextView
import dev.slidemobile.core.Artifact
import dev.slidemobile.core.Entry
import dev.slidemobile.core.Provenance
import dev.slidemobile.measure.Models
import dev.slidemobile.measure.R
import dev.slidemobile.measure.find

/** The embedded artifacts: what the manifest says, or why an artifact cannot be used. */
class ModelsScreen(activity: Activity, parent: ViewGroup) :
    Screen(activity, parent, R.layout.models) {
    private val list = view.find<ViewGroup>(R.id.list)
    private val status = view.find<TextView>(R.id.status)

    override fun shown() {
        status.setText(R.string.reading_models)
        measure.whenModels(::show)
    }

    private fun show(models: Models) {
        list.removeAllViews()
        when (models) {
            Models.Loading -> status.setText(R.string.reading_models)
            is Models.Failed -> status.text = models.why
            is Models.Ready -> {
                status.text = if (models.entries.isEmpty()) text(R.string.no_models) else ""
                models.entries.forEach(::add)
            }
        }
    }

    private fun add(entry: Entry) {
        val row = activity.layoutInflater.inflate(R.layout.model, list, false)
        row.find<TextView>(R.id.name).text = entry.folder
        row.find<TextView>(R.id.details).text = when (entry) {
            is Entry.NotUsable -> text(R.string.not_usable, entry.why)
            is Entry.Usable -> details(entry.artifact)
        }
        list.addView(row)
    }

    private fun details(artifact: Artifact): String {
        val manifest = artifact.manifest
        val lines = mutableListOf(
            text(
                R.string.model_details, manifest.target, manifest.precision,
                Formatter.formatShortFileSize(activity, manifest.sizeBytes),
                manifest.input.width, manifest.input.height,
            ),
            text(R.string.model_parity, manifest.sqnrDb, manifest.minSqnrDb),
            provenance(artifact.provenance),
        )
        if (artifact.labels.isEmpty()) {
            lines += text(R.string.model_maps, manifest.outputs.size)
        } else {
            val first = artifact.labels.take(SHOWN_LABELS).joinToString()
            lines += text(R.string.model_labels, artifact.labels.size, first)
        }
        return lines.joinToString("\n")
    }

    private fun provenance(found: Provenance): String = when (found) {
        is Provenance.Authentic -> text(R.string.authentic, found.key.take(SHOWN_KEY))
        Provenance.Unsigned -> text(R.string.unsigned)
        Provenance.Unchecked -> text(R.string.unchecked)
    }

    private companion object {
        const val SHOWN_KEY = 12
        const val SHOWN_LABELS = 5
    }
}

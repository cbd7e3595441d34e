package dev.slidemobile.measure.screens

import android.view.View
import android.widget.Spinner
import android.widget.TextView
import dev.slidemobile.core.Accelerator
import dev.slidemobile.core.Candidate
import dev.slidemobile.core.Entry
import dev.slidemobile.core.line
import dev.slidemobile.measure.MeasureApplication
import dev.slidemobile.measure.Models
import dev.slidemobile.measure.R
import dev.slidemobile.measure.find
import dev.slidemobile.measure.offer
import dev.slidemobile.measure.onChosen

/** The choice of model, accelerator and threads (picker.xml) that three screens share. */
class Picker(
    view: View,
    private val measure: MeasureApplication,
    private val chosen: () -> Unit = {},
) {
    private val model = view.find<Spinner>(R.id.model)
    private val accelerator = view.find<Spinner>(R.id.accelerator)
    private val threads = view.find<Spinner>(R.id.threads)
    private val threadsLabel = view.find<View>(R.id.threads_label)
    private val problem = view.find<TextView>(R.id.picker_problem)

    private var accelerators: List<Accelerator> = emptyList()
    private val threadCounts = (1..Runtime.getRuntime().availableProcessors()).toList()

    private var usable: List<Entry.Usable> = emptyList()

    init {
        threads.offer(threadCounts.map { it.toString() })
        threads.setSelection((threadCounts.size - 1).coerceAtMost(USUAL_THREADS - 1))
        model.onChosen { offerAccelerators() }
        accelerator.onChosen { showThreads() }
    }

    /** What is chosen, null while the models are read or if there are none. */
    val candidate: Candidate?
        get() = usable.getOrNull(model.selectedItemPosition)?.let { entry ->
            Candidate(entry.artifact, entry.backend, chosenAccelerator, chosenThreads)
        }

    private val chosenAccelerator: Accelerator
        get() = accelerators.getOrElse(accelerator.selectedItemPosition) { Accelerator.CPU }

    private val chosenThreads: Int get() = threadCounts[threads.selectedItemPosition]

    fun refresh() = measure.whenModels { models ->
        usable = (models as? Models.Ready)?.usable.orEmpty()
        problem.text = when {
            models is Models.Failed -> models.why
            usable.isEmpty() -> measure.getString(R.string.no_models)
            else -> ""
        }
        model.offer(usable.map { it.folder })
        chosen()
    }

    /** Not on the UI's thread: LiteRT looks for GPU and NPU libraries to answer. */
    private fun offerAccelerators() {
        val entry = usable.getOrNull(model.selectedItemPosition) ?: return
        measure.work.submit(
            { entry.backend.accelerators(entry.artifact.manifest) },
            failed = { problem.text = it.line() },
            done = { offered ->
                accelerators = offered
                accelerator.offer(offered.map { it.label.uppercase() })
                showThreads()
                chosen()
            },
        )
    }

    private fun showThreads() {
        val visibility = if (chosenAccelerator.hasThreads) View.VISIBLE else View.GONE
        threads.visibility = visibility
        threadsLabel.visibility = visibility
    }

    private companion object {
        const val USUAL_THREADS = 4
    }
}

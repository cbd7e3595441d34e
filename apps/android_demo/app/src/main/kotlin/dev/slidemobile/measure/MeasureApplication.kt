package dev.slidemobile.measure

import android.app.Application
import dev.slidemobile.SlideMobile
import dev.slidemobile.core.Accelerator
import dev.slidemobile.core.Artifact
import dev.slidemobile.core.ArtifactIndex
import dev.slidemobile.core.Batch
import dev.slidemobile.core.Candidate
import dev.slidemobile.core.Entry
import dev.slidemobile.core.Measurement
import dev.slidemobile.core.Measurements
import dev.slidemobile.core.ModelStore
import dev.slidemobile.core.Result
import dev.slidemobile.core.StoredModel
import dev.slidemobile.core.TrustedKeys
import dev.slidemobile.core.VerifiedImage
import dev.slidemobile.core.Verification
import dev.slidemobile.core.line
import java.io.File

/** The embedded models: being read, read, or not readable. */
sealed interface Models {
    data object Loading : Models
    data class Ready(val entries: List<Entry>) : Models {
        val usable: List<Entry.Usable> get() = entries.filterIsInstance<Entry.Usable>()
    }
    data class Failed(val why: String) : Models
}

/** How a task ended: with its result, or with the reason why there is none. */
sealed interface Outcome<out T> {
    data class Done<T>(val value: T) : Outcome<T>
    data class Failed(val why: String) : Outcome<Nothing>
}

/** What Verify found. */
class Verdict(val candidate: Candidate, val images: List<VerifiedImage>)

/**
 * What outlives a screen: the models, the measurements, and the running tasks. A screen goes when
 * the phone is turned.
 */
class MeasureApplication : Application() {
    val work = Work()
    val slide by lazy { SlideMobile(this) }
    val measurements = Measurements()

    var models: Models = Models.Loading
        private set

    /** The running measurement, and the outcome of the last one. */
    var running: Measurement? = null
        private set
    var measured: Outcome<List<Result>>? = null
        private set
    var isVerifying = false
        private set
    var verified: Outcome<Verdict>? = null
        private set

    /** A script's measurement; the work's thread begins it, and the UI's thread may cancel it. */
    @Volatile var headless: Batch? = null

    /** Called on the UI's thread when a task has ended; the activity that is there sets it. */
    var changed: () -> Unit = {}

    private val waiting = ArrayList<(Models) -> Unit>()

    private val store by lazy {
        ModelStore(File(noBackupFilesDir, "models"), TrustedKeys.beside(slide.folder))
    }

    override fun onCreate() {
        super.onCreate()
        work.submit(
            { Models.Ready(slide.library.entries + brought()) },
            failed = { publish(Models.Failed(it.line())) },
            done = ::publish,
        )
    }

    /**
     * The models in the store, after those that were put into `files/models/` (README) are taken
     * in, proved on this phone's CPU, and promoted; why one was not is a line of the list. After an
     * update of the system, those that are there are proved again.
     */
    private fun brought(): List<Entry> {
        val lost = store.recover(slide.phone.osBuild, ::proof)
            .map { Entry.NotUsable(it.name, it.why) }
        val inbox = getExternalFilesDir(null)?.let { File(it, "models") }
        val refused = inbox?.listFiles().orEmpty().filter { it.isDirectory }.mapNotNull { folder ->
            val why = runCatching { store.prove(taken(folder), ::proof) }.exceptionOrNull()
            why?.let { Entry.NotUsable(folder.name, it.line()) }
        }
        val usable = store.promoted().map { ArtifactIndex.usable(store.open(it), slide.backends) }
        return lost + refused + usable
    }

    /** Whatever comes of it, the folder goes: one that ends the app is not tried at each start. */
    private fun taken(folder: File): StoredModel = try {
        store.takeIn(folder)
    } finally {
        folder.deleteRecursively()
    }

    private fun proof(artifact: Artifact): List<VerifiedImage> {
        val entry = ArtifactIndex.usable(artifact, slide.backends)
        if (Verification.refusal(artifact.manifest) != null) return emptyList()
        return Candidate(artifact, entry.backend, Accelerator.CPU, threads = 1).verify()
    }

    /** Calls back at once if the models are known, else as soon as they are. */
    fun whenModels(action: (Models) -> Unit) {
        if (models == Models.Loading) waiting += action else action(models)
    }

    /** Begins a measurement; only one runs at a time. */
    fun begin(measurement: Measurement) {
        running = measurement
        measured = null
        fun end(outcome: Outcome<List<Result>>) {
            running = null
            measured = outcome
            changed()
        }
        work.submit(
            { measurement.run() },
            failed = { end(Outcome.Failed(it.line())) },
            done = { measurements.add(it); end(Outcome.Done(it)) },
        )
    }

    fun verify(candidate: Candidate) {
        isVerifying = true
        verified = null
        fun end(outcome: Outcome<Verdict>) {
            isVerifying = false
            verified = outcome
            changed()
        }
        work.submit(
            { candidate.verify() },
            failed = { end(Outcome.Failed(it.line())) },
            done = { images ->
                measurements.add(candidate, images)
                end(Outcome.Done(Verdict(candidate, images)))
            },
        )
    }

    private fun publish(models: Models) {
        this.models = models
        waiting.forEach { it(models) }
        waiting.clear()
    }
}

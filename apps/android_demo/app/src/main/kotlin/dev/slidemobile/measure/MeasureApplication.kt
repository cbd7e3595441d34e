package dev.slidemobile.measure

import android.app.Application
import com.google.ai.edge.litert.BuiltinNpuAcceleratorProvider
import com.google.ai.edge.litert.Environment
import dev.slidemobile.core.ArtifactIndex
import dev.slidemobile.core.Backend
import dev.slidemobile.core.BenchReport
import dev.slidemobile.core.Candidate
import dev.slidemobile.core.Entry
import dev.slidemobile.core.Measurement
import dev.slidemobile.core.Result
import dev.slidemobile.core.VerifiedImage
import dev.slidemobile.core.print
import dev.slidemobile.measure.backend.ExecuTorchBackend
import dev.slidemobile.measure.backend.LiteRtBackend

/** The embedded models: being read, read, or not readable. */
sealed interface Models {
    data object Loading : Models
    data class Ready(val entries: List<Entry>) : Models {
        val usable: List<Entry.Usable> get() = entries.filterIsInstance<Entry.Usable>()
    }
    data class Failed(val why: String) : Models
}

/** What outlives a screen: the models, what was measured, and the measurement under way. */
class MeasureApplication : Application() {
    val work = Work()
    val phone by lazy { Phone(this) }

    var models: Models = Models.Loading
        private set
    var results: List<Result> = emptyList()
        private set
    var running: Measurement? = null

    private val waiting = ArrayList<(Models) -> Unit>()

    private val backends: List<Backend> by lazy {
        listOf(
            LiteRtBackend(BuildConfig.LITERT_VERSION) {
                Environment.create(this, BuiltinNpuAcceleratorProvider(this))
            },
            ExecuTorchBackend(BuildConfig.EXECUTORCH_VERSION),
        )
    }

    override fun onCreate() {
        super.onCreate()
        work.submit(
            { Models.Ready(ArtifactIndex.list(ArtifactStore(this).root(), backends)) },
            failed = { publish(Models.Failed(it.line())) },
            done = ::publish,
        )
    }

    /** Calls back at once if the models are known, else as soon as they are. */
    fun whenModels(action: (Models) -> Unit) {
        if (models == Models.Loading) waiting += action else action(models)
    }

    fun add(measured: List<Result>) {
        results = results + measured
    }

    /** Goes with what was measured of the same model in the same way. */
    fun add(candidate: Candidate, verified: List<VerifiedImage>) {
        results = results.map { if (it.candidate == candidate) it.with(verified) else it }
    }

    fun clear() {
        results = emptyList()
    }

    /** The shared document of these results. */
    fun document(results: List<Result>): String {
        val runtimes = backends.associate { it.runtime to it.runtimeVersion }
        return BenchReport.json(phone.environment(runtimes), results).print() + "\n"
    }

    private fun publish(models: Models) {
        this.models = models
        waiting.forEach { it(models) }
        waiting.clear()
    }
}

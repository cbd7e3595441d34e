package dev.slidemobile

import android.content.Context
import com.google.ai.edge.litert.BuiltinNpuAcceleratorProvider
import com.google.ai.edge.litert.Environment
import dev.slidemobile.backend.ExecuTorchBackend
import dev.slidemobile.backend.LiteRtBackend
import dev.slidemobile.core.ArtifactLibrary
import dev.slidemobile.core.Backend
import dev.slidemobile.core.BenchReport
import dev.slidemobile.core.Failure
import dev.slidemobile.core.Json
import dev.slidemobile.core.ProductCache
import dev.slidemobile.core.Result
import dev.slidemobile.core.Turn
import java.io.File

/**
 * The artifacts that `slide-mobile embed` put into an app, and what runs them on this phone.
 *
 *     val slide = SlideMobile(context)
 *     val model = slide.library.open("slide_swin_demo-tflite-int8")
 *     val photo = Images.photo(contentResolver, uri)
 *     println(model.predict(photo.picture, photo.orientation).scores.first().label)
 *
 * All of it takes time: never on the UI's thread. A runtime of your own is a class that implements
 * [Backend]; it is asked before LiteRT and ExecuTorch.
 */
class SlideMobile(private val context: Context, private val more: List<Backend> = emptyList()) {
    /** What the phone reports about itself while it measures. */
    val phone = Phone(context)

    /** The folder with `index.json`, to which the artifacts are copied once for each version. */
    val folder: File by lazy { ArtifactStore(context).root() }

    /** The runtimes, in the order in which they are asked. */
    val backends: List<Backend> by lazy {
        more + listOf(
            LiteRtBackend(BuildConfig.LITERT_VERSION, products) {
                Environment.create(context, BuiltinNpuAcceleratorProvider(context))
            },
            ExecuTorchBackend(BuildConfig.EXECUTORCH_VERSION),
        )
    }

    /** The artifacts, verified when it is first asked for. */
    val library: ArtifactLibrary by lazy { ArtifactLibrary.of(folder, backends) }

    private val products by lazy {
        val cache = ProductCache(File(context.noBackupFilesDir, "products"), MOST_PRODUCT_BYTES)
        LiteRtBackend.Products(cache, phone.osBuild, phone.environment(emptyMap()).device)
    }

    /** The text of the document that `slide-mobile bench --import` reads. */
    fun document(
        results: List<Result>, failures: List<Failure> = emptyList(), turn: Turn? = null,
    ): String {
        val environment = phone.environment(backends.associate { it.runtime to it.runtimeVersion })
        return Json.write(BenchReport.json(environment, results, failures, turn)) + "\n"
    }

    private companion object {
        const val MOST_PRODUCT_BYTES = 512L shl 20
    }
}

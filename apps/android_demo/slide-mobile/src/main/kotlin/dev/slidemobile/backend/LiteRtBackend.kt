package dev.slidemobile.backend

import com.google.ai.edge.litert.Accelerator as LiteRtAccelerator
import com.google.ai.edge.litert.CompiledModel
import com.google.ai.edge.litert.Environment
import com.google.ai.edge.litert.TensorBuffer
import dev.slidemobile.core.Accelerator
import dev.slidemobile.core.Artifact
import dev.slidemobile.core.Backend
import dev.slidemobile.core.ElementType
import dev.slidemobile.core.InputSpec
import dev.slidemobile.core.Made
import dev.slidemobile.core.Manifest
import dev.slidemobile.core.Precision
import dev.slidemobile.core.Product
import dev.slidemobile.core.ProductCache
import dev.slidemobile.core.ProductKey
import dev.slidemobile.core.Releases
import dev.slidemobile.core.Session
import java.nio.ByteBuffer

/**
 * LiteRT's CompiledModel. The app makes the [environment]: it knows where an NPU's libraries are.
 *
 * An accelerator is asked for alone, without the CPU beside it: LiteRT then refuses a model that it
 * would have to split (2.2.0, runtime/compiled_model.cc: "Some ops are not accelerated"), where
 * GPU and CPU together would run on the CPU without a word. To an NPU that is asked for alone its
 * Kotlin classes add the CPU (Model.kt, createFromFile); NONE beside it keeps them from that, and
 * is no accelerator to the native code (litert_compiled_model_jni.cc, CreateOptions).
 */
class LiteRtBackend(
    override val runtimeVersion: String,
    private val products: Products? = null,
    private val environment: () -> Environment,
) : Backend {
    /** Where programs of a GPU are kept, and what they depend on besides the model. */
    class Products(val cache: ProductCache, val osBuild: String, val device: String)

    override val target = "tflite"
    override val name = "LiteRT"
    override val runtime = "litert"

    private val shared by lazy(environment)

    override fun refusal(manifest: Manifest): String? {
        val type = manifest.input.type
        if (type != ElementType.FLOAT16) {
            return Releases.refusal("TensorFlow Lite's kernels of", KERNELS, manifest.minRuntime)
        }
        return "LiteRT's Kotlin API takes no ${type.name.lowercase()} input"
    }

    override fun accelerators(manifest: Manifest): List<Accelerator> {
        val offered = shared.getAvailableAccelerators()
        return Accelerator.values().filter { it == Accelerator.CPU || litert(it) in offered }
    }

    override fun open(
        artifact: Artifact, accelerator: Accelerator, threads: Int, precision: Precision,
    ): Session {
        val options = when (accelerator) {
            Accelerator.NPU -> CompiledModel.Options(litert(accelerator), LiteRtAccelerator.NONE)
            else -> CompiledModel.Options(litert(accelerator))
        }
        if (accelerator == Accelerator.CPU) {
            options.cpuOptions = CompiledModel.CpuOptions(numThreads = threads)
        }
        if (accelerator == Accelerator.GPU) return openOnGpu(artifact, precision)
        return session(artifact, accelerator, options, made(accelerator))
    }

    private fun openOnGpu(artifact: Artifact, precision: Precision): Session {
        val options = CompiledModel.Options(LiteRtAccelerator.GPU)
        if (products == null) {
            options.gpuOptions = CompiledModel.GpuOptions(precision = litert(precision))
            return session(artifact, Accelerator.GPU, options, Made(Product.GPU))
        }
        val what = "$name $runtimeVersion gpu ${precision.label}"
        val key = ProductKey(
            artifact.manifestSha256, products.osBuild, products.device, what,
        )
        val isCached = products.cache.has(key)
        val session = products.cache.loaded(key) { folder ->
            options.gpuOptions = CompiledModel.GpuOptions(
                precision = litert(precision),
                serializationDir = folder.path,
                modelCacheKey = key.digest,
                serializeProgramCache = true,
            )
            val made = Made(Product.GPU, isCached, key = key.digest)
            session(artifact, Accelerator.GPU, options, made)
        }
        products.cache.evict(kept = key)
        return session
    }

    private fun session(
        artifact: Artifact, accelerator: Accelerator, options: CompiledModel.Options, made: Made,
    ): LiteRtSession {
        val model = CompiledModel.create(artifact.modelFile.path, options, shared)
        return LiteRtSession(model, artifact.manifest.input, accelerator, made)
    }

    /** LiteRT does not say whether it found a program of an NPU in its own cache. */
    private fun made(accelerator: Accelerator) =
        Made(if (accelerator == Accelerator.NPU) Product.NPU else Product.XNNPACK)

    private fun litert(precision: Precision) = when (precision) {
        Precision.FP16 -> CompiledModel.GpuOptions.Precision.FP16
        Precision.FP32 -> CompiledModel.GpuOptions.Precision.FP32
    }

    private fun litert(accelerator: Accelerator) = when (accelerator) {
        Accelerator.CPU -> LiteRtAccelerator.CPU
        Accelerator.GPU -> LiteRtAccelerator.GPU
        Accelerator.NPU -> LiteRtAccelerator.NPU
    }

    private companion object {
        /** The newest release in runtime_version.cc of LiteRT 2.2.0; manifests count in these. */
        const val KERNELS = "2.23.0"
    }
}

private class LiteRtSession(
    private val model: CompiledModel,
    private val input: InputSpec,
    accelerator: Accelerator,
    override val made: Made,
) : Session {
    private val inputs: List<TensorBuffer> = model.createInputBuffers()
    private val outputs: List<TensorBuffer> = model.createOutputBuffers()

    // LiteRT's Kotlin API writes arrays only: one of each, for the life of the session.
    private val floats = FloatArray(if (input.type == ElementType.FLOAT32) input.elements else 0)
    private val bytes = ByteArray(if (input.type == ElementType.UINT8) input.elements else 0)

    /** Alone, or LiteRT would have refused the model. */
    override val acceleratorUsed: String? = accelerator.label


    override fun write(input: ByteBuffer) {
        if (this.input.type == ElementType.FLOAT32) {
            input.asFloatBuffer().get(floats)
            inputs[0].writeFloat(floats)
        } else {
            input.duplicate().get(bytes)
            inputs[0].writeInt8(bytes)
        }
    }

    override fun run() = model.run(inputs, outputs)

    override fun read(output: Int): FloatArray = outputs[output].readFloat()

    override fun close() {
        inputs.forEach { it.close() }
        outputs.forEach { it.close() }
        model.close()
    }
}

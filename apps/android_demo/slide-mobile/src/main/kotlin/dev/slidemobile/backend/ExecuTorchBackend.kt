package dev.slidemobile.backend

import dev.slidemobile.core.Accelerator
import dev.slidemobile.core.Artifact
import dev.slidemobile.core.Backend
import dev.slidemobile.core.ElementType
import dev.slidemobile.core.HalfFloat
import dev.slidemobile.core.InputSpec
import dev.slidemobile.core.Made
import dev.slidemobile.core.Manifest
import dev.slidemobile.core.NotUsable
import dev.slidemobile.core.Precision
import dev.slidemobile.core.Preprocessing
import dev.slidemobile.core.Product
import dev.slidemobile.core.Releases
import dev.slidemobile.core.Session
import java.nio.ByteBuffer
import org.pytorch.executorch.DType
import org.pytorch.executorch.EValue
import org.pytorch.executorch.Module
import org.pytorch.executorch.Tensor

/** ExecuTorch's Module, with XNNPACK: the one backend of the stock Android library. */
class ExecuTorchBackend(override val runtimeVersion: String) : Backend {
    override val target = "executorch"
    override val name = "ExecuTorch"
    override val runtime = "executorch"

    override fun refusal(manifest: Manifest): String? {
        val backend = manifest.backend
        if (backend == XNNPACK) return Releases.refusal(name, runtimeVersion, manifest.minRuntime)
        return "it is for $backend, this app's ExecuTorch has $XNNPACK"
    }

    override fun accelerators(manifest: Manifest): List<Accelerator> = listOf(Accelerator.CPU)

    override fun open(
        artifact: Artifact, accelerator: Accelerator, threads: Int, precision: Precision,
    ): Session {
        require(accelerator == Accelerator.CPU) { "XNNPACK computes on the CPU" }
        ThreadPoolUse.take(threads)
        return try {
            val module = Module.load(artifact.modelFile.path, Module.LOAD_MODE_MMAP, threads)
            module.loadMethod(METHOD)  // else the first inference would load it
            ExecuTorchSession(module, artifact.manifest.input)
        } catch (error: Throwable) {
            ThreadPoolUse.release()
            throw error
        }
    }

    private companion object {
        const val XNNPACK = "xnnpack"
    }
}

private const val METHOD = "forward"

/**
 * The process has one thread pool. Loading a model with another number of threads replaces it
 * (1.4.1, extension/android/jni/jni_layer.cpp: _unsafe_reset_threadpool) under the models that are
 * loaded, whose XNNPACK keeps a pointer to the old one: the next run of theirs may crash.
 */
private object ThreadPoolUse {
    private var models = 0
    private var threads = 0

    /** Counts a model that is about to be loaded; throws [NotUsable] if the pool is in use. */
    @Synchronized
    fun take(wanted: Int) {
        if (models > 0 && threads != wanted) {
            throw NotUsable(
                "another model computes on $threads threads: close it, or take as many for both",
            )
        }
        threads = wanted
        models++
    }

    @Synchronized
    fun release() {
        models--
    }
}

private class ExecuTorchSession(private val module: Module, input: InputSpec) : Session {
    private val buffer = Preprocessing.allocate(input)
    private val argument = EValue.from(tensor(buffer, input))

    // The outputs of the last run; ExecuTorch allocates new ones in each.
    private var results: Array<EValue> = emptyArray()

    /** The backends that the method's operations were delegated to; they all compute on the CPU. */
    override val acceleratorUsed: String = module.getMethodMetadata(METHOD).backends.let { names ->
        (listOf("cpu") + names.map { if (it == "XnnpackBackend") "XNNPACK" else it }).joinToString()
    }

    override val made = Made(Product.XNNPACK)

    private var isClosed = false

    override fun write(input: ByteBuffer) {
        buffer.clear()
        buffer.put(input.duplicate())
        buffer.rewind()
    }

    override fun run() {
        results = module.forward(argument)
    }

    override fun read(output: Int): FloatArray {
        val tensor = results[output].toTensor()
        if (tensor.dtype() != DType.HALF) return tensor.dataAsFloatArray
        val bits = tensor.dataAsShortArray
        return FloatArray(bits.size) { HalfFloat.toFloat(bits[it]) }
    }

    override fun close() {
        if (isClosed) return
        isClosed = true
        module.destroy()
        ThreadPoolUse.release()
    }

    /** A view of [buffer]: every run reads it again. */
    private fun tensor(buffer: ByteBuffer, input: InputSpec): Tensor {
        val shape = LongArray(input.shape.size) { input.shape[it].toLong() }
        return when (input.type) {
            ElementType.FLOAT32 -> Tensor.fromBlob(buffer.asFloatBuffer(), shape)
            ElementType.FLOAT16 -> Tensor.fromBlob(buffer.asShortBuffer(), shape)
            ElementType.UINT8 -> Tensor.fromBlobUnsigned(buffer, shape)
        }
    }
}

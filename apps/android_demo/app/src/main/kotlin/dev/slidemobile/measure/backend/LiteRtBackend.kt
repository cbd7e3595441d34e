package dev.slidemobile.measure.backend

import com.google.ai.edge.litert.Accelerator as LiteRtAccelerator
import com.google.ai.edge.litert.CompiledModel
import com.google.ai.edge.litert.Environment
import com.google.ai.edge.litert.TensorBuffer
import dev.slidemobile.core.Accelerator
import dev.slidemobile.core.Artifact
import dev.slidemobile.core.Backend
import dev.slidemobile.core.ElementType
import dev.slidemobile.core.InputSpec
import dev.slidemobile.core.Manifest
import dev.slidemobile.core.Session
import java.nio.ByteBuffer

/**
 * LiteRT's CompiledModel. The app makes the [environment]: it knows where an NPU's libraries are.
 *
 * An accelerator is asked for alone, without the CPU beside it: LiteRT then refuses a model that it
 * would have to split (2.2.0, runtime/compiled_model.cc: "Some ops are not accelerated"), where
 * GPU and CPU together would run on the CPU without a word.
 */
class LiteRtBackend(
    override val runtimeVersion: String,
    private val environment: () -> Environment,
) : Backend {
    override val target = "tflite"
    override val name = "LiteRT"
    override val runtime = "litert"

    private val shared by lazy(environment)

    override fun refusal(manifest: Manifest): String? {
        val type = manifest.input.type
        if (type != ElementType.FLOAT16) return null
        return "LiteRT's Kotlin API takes no ${type.name.lowercase()} input"
    }

    override fun accelerators(manifest: Manifest): List<Accelerator> {
        val offered = shared.getAvailableAccelerators()
        return Accelerator.values().filter { it == Accelerator.CPU || litert(it) in offered }
    }

    override fun open(artifact: Artifact, accelerator: Accelerator, threads: Int): Session {
        val options = CompiledModel.Options(litert(accelerator))
        if (accelerator == Accelerator.CPU) {
            options.cpuOptions = CompiledModel.CpuOptions(numThreads = threads)
        }
        val model = CompiledModel.create(artifact.modelFile.path, options, shared)
        return LiteRtSession(model, artifact.manifest.input, accelerator)
    }

    private fun litert(accelerator: Accelerator) = when (accelerator) {
        Accelerator.CPU -> LiteRtAccelerator.CPU
        Accelerator.GPU -> LiteRtAccelerator.GPU
        Accelerator.NPU -> LiteRtAccelerator.NPU
    }
}

private class LiteRtSession(
    private val model: CompiledModel,
    private val input: InputSpec,
    accelerator: Accelerator,
) : Session {
    private val inputs: List<TensorBuffer> = model.createInputBuffers()
    private val outputs: List<TensorBuffer> = model.createOutputBuffers()

    // LiteRT's Kotlin API writes arrays only: one of each, for the life of the session.
    private val floats = FloatArray(if (input.type == ElementType.FLOAT32) input.elements else 0)
    private val bytes = ByteArray(if (input.type == ElementType.UINT8) input.elements else 0)

    /** Null for an NPU: LiteRT adds the CPU by itself and does not report what ran where. */
    override val acceleratorUsed: String? =
        accelerator.label.takeIf { accelerator != Accelerator.NPU }

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

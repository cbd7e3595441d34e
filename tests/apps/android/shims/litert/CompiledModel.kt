package com.google.ai.edge.litert

import android.content.Context
import com.sun.jna.Memory
import com.sun.jna.Pointer

/*
 * The classes of com.google.ai.edge.litert that the app uses, over libLiteRt.so by JNA: the public
 * signatures are those of litert/kotlin of LiteRT 2.2.0, the bodies are not Google's.
 */

enum class Accelerator(val value: Int) { NONE(0), CPU(1), GPU(2), NPU(3) }

class LiteRtException(val code: Int, message: String) : Exception(message)

interface NpuAcceleratorProvider {
    fun isDeviceSupported(): Boolean
    fun isLibraryReady(): Boolean
    fun getLibraryDir(): String
}

/** Compiled against only: there is no NPU here. */
class BuiltinNpuAcceleratorProvider(private val context: Context) : NpuAcceleratorProvider {
    override fun isDeviceSupported() = false
    override fun isLibraryReady() = true
    override fun getLibraryDir(): String = context.applicationInfo.nativeLibraryDir
}

class Environment private constructor(internal val pointer: Pointer) : AutoCloseable {
    fun getAvailableAccelerators(): Set<Accelerator> = setOf(Accelerator.CPU)

    override fun close() = CApi.instance.LiteRtDestroyEnvironment(pointer)

    enum class Option(val value: Int) { CompilerPluginLibraryDir(0), DispatchLibraryDir(1) }

    companion object {
        @JvmOverloads
        @JvmStatic
        fun create(options: Map<Option, String> = mapOf()): Environment {
            require(options.isEmpty())
            return Environment(CApi.pointer("LiteRtCreateEnvironment") {
                CApi.instance.LiteRtCreateEnvironment(0, null, it)
            })
        }

        /** Compiled against only. */
        @JvmOverloads
        @JvmStatic
        fun create(
            context: Context,
            npuAcceleratorProvider: NpuAcceleratorProvider,
            options: Map<Option, String> = mapOf(),
            enableCompilerCache: Boolean = true,
        ): Environment =
            error("not here: $context $npuAcceleratorProvider $options $enableCompilerCache")
    }
}

class TensorBuffer internal constructor(internal val pointer: Pointer) : AutoCloseable {
    private val size = CApi.count("LiteRtGetTensorBufferPackedSize") {
        CApi.instance.LiteRtGetTensorBufferPackedSize(pointer, it)
    }

    fun writeFloat(data: FloatArray) = locked(CApi.LOCK_WRITE) { memory ->
        require(4L * data.size <= size)
        memory.write(0, data, 0, data.size)
    }

    fun writeInt8(data: ByteArray) = locked(CApi.LOCK_WRITE) { memory ->
        require(data.size <= size)
        memory.write(0, data, 0, data.size)
    }

    fun readFloat(): FloatArray = locked(CApi.LOCK_READ) { it.getFloatArray(0, (size / 4).toInt()) }

    override fun close() = CApi.instance.LiteRtDestroyTensorBuffer(pointer)

    private fun <T> locked(mode: Int, work: (Pointer) -> T): T {
        val memory = CApi.pointer("LiteRtLockTensorBuffer") {
            CApi.instance.LiteRtLockTensorBuffer(pointer, it, mode)
        }
        try {
            return work(memory)
        } finally {
            CApi.check(CApi.instance.LiteRtUnlockTensorBuffer(pointer), "LiteRtUnlockTensorBuffer")
        }
    }
}

class CompiledModel private constructor(
    private val environment: Environment,
    private val model: Pointer,
    private val compiled: Pointer,
) : AutoCloseable {
    data class CpuOptions(
        val numThreads: Int? = null,
        val xnnPackFlags: Int? = null,
        val xnnPackWeightCachePath: String? = null,
    )

    /** Compiled against only: there is no GPU here. The names are those of LiteRT 2.2.0. */
    data class GpuOptions(
        val constantTensorSharing: Boolean? = null,
        val infiniteFloatCapping: Boolean? = null,
        val allowSrcQuantizedFcConvOps: Boolean? = null,
        val precision: Precision? = null,
        val bufferStorageType: Int? = null,
        val preferTextureWeights: Boolean? = null,
        val serializationDir: String? = null,
        val modelCacheKey: String? = null,
        val serializeProgramCache: Boolean? = null,
    ) {
        enum class Precision(val value: Int) {
            DEFAULT(0), FP16(1), FP32(2), FP16_WITH_FP32_ACCUM(3),
        }
    }

    class Options(internal val accelerators: Set<Accelerator>) {
        constructor(vararg accelerators: Accelerator) : this(setOf(*accelerators))

        var cpuOptions: CpuOptions? = null
        var gpuOptions: GpuOptions? = null

        companion object {
            @JvmStatic val CPU = Options(Accelerator.CPU)
        }
    }

    private val api = CApi.instance

    private val signature = CApi.pointer("LiteRtGetModelSignature") {
        api.LiteRtGetModelSignature(model, 0, it)
    }

    @JvmOverloads
    fun createInputBuffers(signatureIndex: Int = 0): List<TensorBuffer> {
        val count = CApi.count("inputs") { api.LiteRtGetNumSignatureInputs(signature, it) }
        return (0 until count).map { index ->
            val tensor = CApi.pointer("input") {
                api.LiteRtGetSignatureInputTensorByIndex(signature, index, it)
            }
            val requirements = CApi.pointer("what the input requires") {
                api.LiteRtGetCompiledModelInputBufferRequirements(
                    compiled, signatureIndex.toLong(), index, it,
                )
            }
            buffer(tensor, requirements)
        }
    }

    @JvmOverloads
    fun createOutputBuffers(signatureIndex: Int = 0): List<TensorBuffer> {
        val count = CApi.count("outputs") { api.LiteRtGetNumSignatureOutputs(signature, it) }
        return (0 until count).map { index ->
            val tensor = CApi.pointer("output") {
                api.LiteRtGetSignatureOutputTensorByIndex(signature, index, it)
            }
            val requirements = CApi.pointer("what the output requires") {
                api.LiteRtGetCompiledModelOutputBufferRequirements(
                    compiled, signatureIndex.toLong(), index, it,
                )
            }
            buffer(tensor, requirements)
        }
    }

    @JvmOverloads
    fun run(inputs: List<TensorBuffer>, outputs: List<TensorBuffer>, signatureIndex: Int = 0) {
        CApi.check(
            CApi.instance.LiteRtRunCompiledModel(
                compiled, signatureIndex.toLong(),
                inputs.size.toLong(), CApi.handles(inputs.map { it.pointer }),
                outputs.size.toLong(), CApi.handles(outputs.map { it.pointer }),
            ),
            "LiteRtRunCompiledModel",
        )
    }

    override fun close() {
        CApi.instance.LiteRtDestroyCompiledModel(compiled)
        CApi.instance.LiteRtDestroyModel(model)
    }

    private fun buffer(tensor: Pointer, requirements: Pointer): TensorBuffer {
        val type = Memory(CApi.RANKED_TENSOR_TYPE_BYTES)
        CApi.check(api.LiteRtGetRankedTensorType(tensor, type), "LiteRtGetRankedTensorType")
        return TensorBuffer(CApi.pointer("LiteRtCreateManagedTensorBufferFromRequirements") {
            api.LiteRtCreateManagedTensorBufferFromRequirements(
                environment.pointer, type, requirements, it,
            )
        })
    }

    companion object {
        // LiteRT reads them while it compiles the model, so they must outlive the call.
        private val payloads = ArrayList<Memory>()
        private val keep = CApi.Free { }

        @JvmOverloads
        @JvmStatic
        fun create(
            filePath: String,
            options: Options = Options.CPU,
            optionalEnv: Environment? = null,
        ): CompiledModel {
            val environment = optionalEnv ?: Environment.create()
            val api = CApi.instance
            val model = CApi.pointer("LiteRtCreateModelFromFile") {
                api.LiteRtCreateModelFromFile(environment.pointer, filePath, it)
            }
            val native = CApi.pointer("LiteRtCreateOptions") { api.LiteRtCreateOptions(it) }
            CApi.check(
                api.LiteRtSetOptionsHardwareAccelerators(native, mask(options.accelerators)),
                "accelerators",
            )
            options.cpuOptions?.numThreads?.let { addThreads(native, it) }
            val compiled = CApi.pointer("LiteRtCreateCompiledModel") {
                api.LiteRtCreateCompiledModel(environment.pointer, model, native, it)
            }
            api.LiteRtDestroyOptions(native)
            return CompiledModel(environment, model, compiled)
        }

        /** As createFromFile of LiteRT 2.2.0 passes them on: to an NPU alone it adds the CPU. */
        private fun mask(asked: Set<Accelerator>): Int {
            val isNpuAlone = asked == setOf(Accelerator.NPU)
            val accelerators = if (isNpuAlone) asked + Accelerator.CPU else asked
            return accelerators.filter { it != Accelerator.NONE }
                .fold(0) { bits, one -> bits or (1 shl (one.value - 1)) }
        }

        /** As litert/c/options/litert_cpu_options.cc writes them: TOML under the name "xnnpack". */
        private fun addThreads(options: Pointer, threads: Int) {
            val text = "num_threads = $threads\n"
            val payload = Memory(text.length + 1L).apply { setString(0, text) }
            payloads += payload
            val opaque = CApi.pointer("LiteRtCreateOpaqueOptions") {
                CApi.instance.LiteRtCreateOpaqueOptions("xnnpack", payload, keep, it)
            }
            CApi.check(CApi.instance.LiteRtAddOpaqueOptions(options, opaque), "opaque options")
        }
    }
}

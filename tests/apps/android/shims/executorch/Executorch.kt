package org.pytorch.executorch

import com.sun.jna.Library
import com.sun.jna.Memory
import com.sun.jna.Native
import com.sun.jna.Pointer
import com.sun.jna.ptr.IntByReference
import com.sun.jna.ptr.LongByReference
import com.sun.jna.ptr.PointerByReference
import java.nio.Buffer
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.FloatBuffer
import java.nio.ShortBuffer

/*
 * The classes of org.pytorch.executorch that the app uses, over the executorch wheel by JNA and
 * executorch_shim.cpp: the public signatures are those of executorch_android 1.4.1.
 */

private interface Shim : Library {
    fun shim_load(path: String, threads: Int, out: PointerByReference): Int
    fun shim_run(
        module: Pointer, input: Pointer, sizes: IntArray, rank: Int, dtype: Int,
        output: Pointer, capacity: Long, bytes: LongByReference, outputDtype: IntByReference,
    ): Int
    fun shim_backend(module: Pointer, index: Int, name: ByteArray, capacity: Int): Int
    fun shim_unload(module: Pointer)

    companion object {
        val instance: Shim by lazy { Native.load(System.getProperty("executorch.library"), Shim::class.java) }
    }
}

/** The codes are torch's scalar types. */
enum class DType(internal val jniCode: Int) { UINT8(0), HALF(5), FLOAT(6) }

class MethodMetadata internal constructor(val name: String, val backends: Array<String>)

class Tensor private constructor(internal val buffer: Buffer, private val shape: LongArray, private val type: DType) {
    fun dtype(): DType = type

    fun shape(): LongArray = shape.copyOf()

    val dataAsFloatArray: FloatArray
        get() = FloatArray(buffer.capacity()) { (buffer as FloatBuffer).get(it) }

    val dataAsShortArray: ShortArray
        get() = ShortArray(buffer.capacity()) { (buffer as ShortBuffer).get(it) }

    companion object {
        @JvmStatic
        fun fromBlob(data: FloatBuffer, shape: LongArray): Tensor = checked(data, shape, DType.FLOAT)

        @JvmStatic
        fun fromBlob(data: ShortBuffer, shape: LongArray): Tensor = checked(data, shape, DType.HALF)

        @JvmStatic
        fun fromBlobUnsigned(data: ByteBuffer, shape: LongArray): Tensor = checked(data, shape, DType.UINT8)

        /** The Android library takes nothing but direct buffers of the shape's size either. */
        private fun checked(data: Buffer, shape: LongArray, type: DType): Tensor {
            require(data.isDirect && data.capacity().toLong() == shape.fold(1L, Long::times))
            return Tensor(data, shape.copyOf(), type)
        }
    }
}

class EValue private constructor(private val tensor: Tensor) {
    fun toTensor(): Tensor = tensor

    companion object {
        @JvmStatic
        fun from(tensor: Tensor): EValue = EValue(tensor)
    }
}

class Module private constructor(private val pointer: Pointer) {
    fun forward(vararg inputs: EValue): Array<EValue> {
        val tensor = inputs.single().toTensor()
        val output = Memory(CAPACITY)
        val bytes = LongByReference()
        val type = IntByReference()
        val sizes = IntArray(tensor.shape().size) { tensor.shape()[it].toInt() }
        val error = Shim.instance.shim_run(
            pointer, Native.getDirectBufferPointer(tensor.buffer), sizes, sizes.size, tensor.dtype().jniCode,
            output, CAPACITY, bytes, type,
        )
        check(error == 0) { "ExecuTorch error $error" }
        val data = output.getByteBuffer(0, bytes.value).order(ByteOrder.nativeOrder())
        // A view: JNA's memory would be freed with `output`, so it is copied once.
        val copy = ByteBuffer.allocateDirect(data.capacity()).order(ByteOrder.nativeOrder()).put(data)
        copy.rewind()
        val elements = if (type.value == DType.HALF.jniCode) copy.capacity() / 2L else copy.capacity() / 4L
        val result =
            if (type.value == DType.HALF.jniCode) Tensor.fromBlob(copy.asShortBuffer(), longArrayOf(elements))
            else Tensor.fromBlob(copy.asFloatBuffer(), longArrayOf(elements))
        return arrayOf(EValue.from(result))
    }

    /** The shim loads it with the file. */
    fun loadMethod(methodName: String) = require(methodName == "forward")

    fun getMethodMetadata(name: String): MethodMetadata {
        val backends = generateSequence(0) { it + 1 }.map { index ->
            val text = ByteArray(NAME_BYTES)
            if (Shim.instance.shim_backend(pointer, index, text, NAME_BYTES) == 0) Native.toString(text) else null
        }
        return MethodMetadata(name, backends.takeWhile { it != null }.map { it!! }.toList().distinct().toTypedArray())
    }

    fun destroy() = Shim.instance.shim_unload(pointer)

    companion object {
        const val LOAD_MODE_FILE = 0
        const val LOAD_MODE_MMAP = 1
        private const val CAPACITY = 1L shl 24
        private const val NAME_BYTES = 64

        @JvmOverloads
        @JvmStatic
        fun load(modelPath: String?, loadMode: Int = LOAD_MODE_FILE, numThreads: Int = 0): Module {
            require(loadMode in LOAD_MODE_FILE..LOAD_MODE_MMAP)
            val out = PointerByReference()
            val error = Shim.instance.shim_load(requireNotNull(modelPath), numThreads, out)
            check(error == 0) { "ExecuTorch error $error" }
            return Module(out.value)
        }
    }
}

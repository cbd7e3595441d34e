package org.pytorch.executorch

import com.sun.jna.Library
import com.sun.jna.Native
import com.sun.jna.Pointer
import com.sun.jna.ptr.ByteByReference
import com.sun.jna.ptr.LongByReference
import com.sun.jna.ptr.PointerByReference
import java.nio.Buffer
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.FloatBuffer
import java.nio.ShortBuffer

/*
 * The classes of org.pytorch.executorch that the app uses, over the executorch wheel by JNA
 * (threads_and_backends.cpp): the public signatures are those of executorch_android 1.4.1.
 */

private interface CApi : Library {
    fun et_threads(threads: Int): Int
    fun et_load(path: String, method: String, out: PointerByReference): Int
    fun et_set_input(module: Pointer, data: Pointer, sizes: IntArray, rank: Long, dtype: Byte): Int
    fun et_execute(module: Pointer): Int
    fun et_output(
        module: Pointer, index: Long, count: LongByReference, dtype: ByteByReference,
    ): Pointer?
    fun et_backend(
        module: Pointer, method: String, index: Long, name: ByteArray, capacity: Long,
    ): Int
    fun et_free(module: Pointer)

    companion object {
        val instance: CApi by lazy {
            Native.load(System.getProperty("executorch.library"), CApi::class.java)
        }

        fun check(error: Int) = check(error == 0) { "ExecuTorch error $error" }
    }
}

/** The codes are torch's scalar types. */
enum class DType(internal val jniCode: Int) { UINT8(0), HALF(5), FLOAT(6) }

class MethodMetadata internal constructor(val name: String, val backends: Array<String>)

class Tensor private constructor(
    internal val buffer: Buffer,
    private val shape: LongArray,
    private val type: DType,
) {
    fun dtype(): DType = type

    fun shape(): LongArray = shape.copyOf()

    val dataAsFloatArray: FloatArray
        get() = FloatArray(buffer.capacity()) { (buffer as FloatBuffer).get(it) }

    val dataAsShortArray: ShortArray
        get() = ShortArray(buffer.capacity()) { (buffer as ShortBuffer).get(it) }

    companion object {
        @JvmStatic
        fun fromBlob(data: FloatBuffer, shape: LongArray): Tensor =
            checked(data, shape, DType.FLOAT)

        @JvmStatic
        fun fromBlob(data: ShortBuffer, shape: LongArray): Tensor = checked(data, shape, DType.HALF)

        @JvmStatic
        fun fromBlobUnsigned(data: ByteBuffer, shape: LongArray): Tensor =
            checked(data, shape, DType.UINT8)

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
        val sizes = IntArray(tensor.shape().size) { tensor.shape()[it].toInt() }
        val data = Native.getDirectBufferPointer(tensor.buffer)
        val dtype = tensor.dtype().jniCode.toByte()
        val api = CApi.instance
        CApi.check(api.et_set_input(pointer, data, sizes, sizes.size.toLong(), dtype))
        CApi.check(api.et_execute(pointer))
        return arrayOf(EValue.from(output()))
    }

    /** A copy, as the Android library makes one. */
    private fun output(): Tensor {
        val count = LongByReference()
        val dtype = ByteByReference()
        val data = checkNotNull(CApi.instance.et_output(pointer, 0, count, dtype))
        val isHalf = dtype.value.toInt() == DType.HALF.jniCode
        val bytes = count.value * if (isHalf) 2 else 4
        val copy = ByteBuffer.allocateDirect(bytes.toInt()).order(ByteOrder.nativeOrder())
        copy.put(data.getByteBuffer(0, bytes)).rewind()
        val shape = longArrayOf(count.value)
        if (isHalf) return Tensor.fromBlob(copy.asShortBuffer(), shape)
        return Tensor.fromBlob(copy.asFloatBuffer(), shape)
    }

    /** It is loaded with the file. */
    fun loadMethod(methodName: String) = require(methodName == METHOD)

    fun getMethodMetadata(name: String): MethodMetadata {
        val backends = generateSequence(0L) { it + 1 }
            .map { backend(name, it) }
            .takeWhile { it != null }
        return MethodMetadata(name, backends.filterNotNull().distinct().toList().toTypedArray())
    }

    fun destroy() = CApi.instance.et_free(pointer)

    private fun backend(method: String, index: Long): String? {
        val text = ByteArray(NAME_BYTES)
        val error = CApi.instance.et_backend(pointer, method, index, text, text.size.toLong())
        return if (error == 0) Native.toString(text) else null
    }

    companion object {
        const val LOAD_MODE_FILE = 0
        const val LOAD_MODE_MMAP = 1
        private const val METHOD = "forward"
        private const val NAME_BYTES = 64

        @JvmOverloads
        @JvmStatic
        fun load(modelPath: String?, loadMode: Int = LOAD_MODE_FILE, numThreads: Int = 0): Module {
            require(loadMode in LOAD_MODE_FILE..LOAD_MODE_MMAP)
            if (numThreads > 0) CApi.check(CApi.instance.et_threads(numThreads))
            val out = PointerByReference()
            CApi.check(CApi.instance.et_load(requireNotNull(modelPath), METHOD, out))
            return Module(out.value)
        }
    }
}

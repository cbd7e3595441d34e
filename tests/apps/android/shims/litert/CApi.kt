package com.google.ai.edge.litert

import com.sun.jna.Callback
import com.sun.jna.Library
import com.sun.jna.Memory
import com.sun.jna.Native
import com.sun.jna.Pointer
import com.sun.jna.ptr.LongByReference
import com.sun.jna.ptr.PointerByReference

/** LiteRT's C API (litert/c of LiteRT 2.2.0), as far as the classes beside this one need it. */
internal interface CApi : Library {
    fun LiteRtCreateEnvironment(options: Int, values: Pointer?, out: PointerByReference): Int
    fun LiteRtDestroyEnvironment(environment: Pointer)
    fun LiteRtCreateModelFromFile(environment: Pointer, path: String, out: PointerByReference): Int
    fun LiteRtDestroyModel(model: Pointer)
    fun LiteRtGetModelSignature(model: Pointer, index: Long, out: PointerByReference): Int
    fun LiteRtGetNumSignatureInputs(signature: Pointer, out: LongByReference): Int
    fun LiteRtGetNumSignatureOutputs(signature: Pointer, out: LongByReference): Int
    fun LiteRtGetSignatureInputTensorByIndex(
        signature: Pointer, index: Long, out: PointerByReference,
    ): Int
    fun LiteRtGetSignatureOutputTensorByIndex(
        signature: Pointer, index: Long, out: PointerByReference,
    ): Int
    fun LiteRtGetRankedTensorType(tensor: Pointer, out: Pointer): Int
    fun LiteRtCreateOptions(out: PointerByReference): Int
    fun LiteRtDestroyOptions(options: Pointer)
    fun LiteRtSetOptionsHardwareAccelerators(options: Pointer, accelerators: Int): Int
    fun LiteRtCreateOpaqueOptions(
        name: String, payload: Pointer, free: Free, out: PointerByReference,
    ): Int
    fun LiteRtAddOpaqueOptions(options: Pointer, opaque: Pointer): Int
    fun LiteRtCreateCompiledModel(
        environment: Pointer, model: Pointer, options: Pointer, out: PointerByReference,
    ): Int
    fun LiteRtDestroyCompiledModel(model: Pointer)
    fun LiteRtGetCompiledModelInputBufferRequirements(
        model: Pointer, signature: Long, index: Long, out: PointerByReference,
    ): Int
    fun LiteRtGetCompiledModelOutputBufferRequirements(
        model: Pointer, signature: Long, index: Long, out: PointerByReference,
    ): Int
    fun LiteRtCreateManagedTensorBufferFromRequirements(
        environment: Pointer, type: Pointer, requirements: Pointer, out: PointerByReference,
    ): Int
    fun LiteRtDestroyTensorBuffer(buffer: Pointer)
    fun LiteRtGetTensorBufferPackedSize(buffer: Pointer, out: LongByReference): Int
    fun LiteRtLockTensorBuffer(buffer: Pointer, out: PointerByReference, mode: Int): Int
    fun LiteRtUnlockTensorBuffer(buffer: Pointer): Int
    fun LiteRtRunCompiledModel(
        model: Pointer, signature: Long,
        inputs: Long, input: Pointer, outputs: Long, output: Pointer,
    ): Int

    fun interface Free : Callback {
        fun invoke(payload: Pointer?)
    }

    companion object {
        const val LOCK_READ = 0
        const val LOCK_WRITE = 1
        const val RANKED_TENSOR_TYPE_BYTES = 72L  // litert_model_types.h asserts it

        val instance: CApi by lazy {
            Native.load(System.getProperty("litert.library"), CApi::class.java)
        }

        /** Throws LiteRtException for any status but Ok. */
        fun check(status: Int, what: String) {
            if (status != 0) throw LiteRtException(status, "$what failed with status $status")
        }

        fun pointer(what: String, call: (PointerByReference) -> Int): Pointer {
            val out = PointerByReference()
            check(call(out), what)
            return out.value
        }

        fun count(what: String, call: (LongByReference) -> Int): Long {
            val out = LongByReference()
            check(call(out), what)
            return out.value
        }

        /** A C array of handles. */
        fun handles(pointers: List<Pointer>): Memory {
            val step = Native.POINTER_SIZE.toLong()
            val memory = Memory(maxOf(1, pointers.size) * step)
            pointers.forEachIndexed { index, pointer -> memory.setPointer(index * step, pointer) }
            return memory
        }
    }
}

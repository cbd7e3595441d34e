package dev.slidemobile.core

import java.nio.ByteBuffer

/** What a model may be asked to run on. */
enum class Accelerator {
    CPU, GPU, NPU;

    val label: String get() = name.lowercase()

    /** Whether a number of threads means anything to it. */
    val hasThreads: Boolean get() = this == CPU
}

/** A runtime of model files. */
interface Backend {
    /** The manifest's `target` that it runs. */
    val target: String

    /** For a person, as in "LiteRT". */
    val name: String

    /** Of the shared document's `runtimes`, and its version. */
    val runtime: String
    val runtimeVersion: String

    /** Why it cannot run this artifact, or null. */
    fun refusal(manifest: Manifest): String?

    /** What this device offers for the artifact, CPU first. */
    fun accelerators(manifest: Manifest): List<Accelerator>

    /** Loads the model; [threads] are the CPU's. Throws the runtime's own exceptions. */
    fun open(artifact: Artifact, accelerator: Accelerator, threads: Int): Session
}

/**
 * A loaded model with its input and output buffers. Every call is from the thread that opened it.
 */
interface Session : Inference, AutoCloseable {
    /** What the runtime says it really uses; null if it does not say. */
    val acceleratorUsed: String?

    /** Copies an input tensor, as [InputTensor] lays it out, to where the model reads it. */
    fun write(input: ByteBuffer)

    /** One output of the last [run]: values in the order of the manifest's shape. */
    fun read(output: Int): FloatArray
}

/** What the measuring loop times. Allocates nothing of the model's size. */
fun interface Inference {
    fun run()
}

package dev.slidemobile.core

import java.nio.ByteBuffer

/** A place to run a model. */
enum class Accelerator {
    CPU, GPU, NPU;

    val label: String get() = name.lowercase()

    /** Whether it takes a number of threads. */
    val hasThreads: Boolean get() = this == CPU
}

/** A runtime for model files. */
interface Backend {
    /** The `target` of the manifests that it runs. */
    val target: String

    /** The name for a person, such as "LiteRT". */
    val name: String

    /** Its key in the shared document's `runtimes`, and its version. */
    val runtime: String
    val runtimeVersion: String

    /** Why it cannot run this artifact, or null. */
    fun refusal(manifest: Manifest): String?

    /** What this device offers for the artifact, CPU first. */
    fun accelerators(manifest: Manifest): List<Accelerator>

    /**
     * Loads the model; [threads] are the CPU's, [precision] is a GPU's. Throws the runtime's own
     * exceptions, also where it cannot compute on this accelerator alone.
     */
    fun open(
        artifact: Artifact, accelerator: Accelerator, threads: Int,
        precision: Precision = Precision.FP16,
    ): Session
}

/** What a GPU computes in; it is asked for, because no runtime reports it. */
enum class Precision {
    FP16, FP32;

    val label: String get() = name.lowercase()
}

/**
 * A loaded model with its input and output buffers. Every call is from the thread that opened it.
 */
interface Session : Inference, AutoCloseable {
    /** The accelerator that the runtime reports to use; null if it does not report it. */
    val acceleratorUsed: String?

    /** What the runtime made of the file while it loaded it. */
    val made: Made get() = Made(Product.NONE)

    /** Copies an input tensor, as [InputTensor] lays it out, to where the model reads it. */
    fun write(input: ByteBuffer)

    /** One output of the last [run]: values in the order of the manifest's shape. */
    fun read(output: Int): FloatArray
}

/** What the measuring loop times. It allocates nothing as large as the model's tensors. */
fun interface Inference {
    fun run()
}

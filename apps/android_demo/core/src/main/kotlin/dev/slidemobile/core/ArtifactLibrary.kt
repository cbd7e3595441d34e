package dev.slidemobile.core

import java.io.File

/**
 * The artifacts that an app has, each verified, or with the reason why it is not usable.
 *
 *     val library = ArtifactLibrary.of(folder, backends)
 *     val model = library.open("slide_swin_demo-tflite-int8")
 *     println(model.predict(picture).scores.first().label)
 */
class ArtifactLibrary(val entries: List<Entry>) {
    /**
     * An artifact and how to run it, by default on the first accelerator that its runtime has for
     * it. Throws [NotUsable], with the possible names, if there is no such artifact, if it is
     * damaged, or if it has no such accelerator.
     */
    fun candidate(
        folder: String, accelerator: String? = null, threads: Int? = null,
        precision: Precision? = null,
    ): Candidate = candidate(usable(folder), accelerator, threads, precision)

    /** Loads an artifact, for [LoadedModel.predict]. Throws what [candidate] and the runtime do. */
    fun open(
        folder: String, accelerator: String? = null, threads: Int? = null,
        precision: Precision? = null,
    ): LoadedModel = LoadedModel(candidate(folder, accelerator, threads, precision))

    private fun usable(folder: String): Entry.Usable =
        when (val entry = entries.firstOrNull { it.folder == folder }) {
            is Entry.Usable -> entry
            is Entry.NotUsable -> throw NotUsable("$folder is not usable: ${entry.why}")
            null -> {
                val known = entries.joinToString { it.folder }.ifEmpty { "nothing" }
                throw NotUsable("$folder is not embedded, only $known")
            }
        }

    companion object {
        private const val USUAL_THREADS = 4

        /** Reads and verifies a folder that `slide-mobile embed` wrote: not on the UI's thread. */
        fun of(folder: File, backends: List<Backend>) =
            ArtifactLibrary(ArtifactIndex.list(folder, backends))

        internal fun candidate(
            entry: Entry.Usable, accelerator: String?, threads: Int?, precision: Precision?,
        ): Candidate {
            val known = entry.backend.accelerators(entry.artifact.manifest)
            val chosen = known.firstOrNull { accelerator == null || it.label == accelerator }
                ?: throw NotUsable(
                    "${entry.folder} has no accelerator $accelerator, " +
                        "only ${known.joinToString { it.label }}",
                )
            return Candidate(
                entry.artifact, entry.backend, chosen, threads ?: USUAL_THREADS,
                precision ?: Precision.FP16,
            )
        }
    }
}

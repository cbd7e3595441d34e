package dev.slidemobile.core

/**
 * The likeliest classes of an image, best first, and what its stages took. [seen] is the part of
 * the image that the model was given.
 */
class Prediction(
    val seen: Picture, val scores: List<Score>,
    val preprocessMs: Double, val inferenceMs: Double, val postprocessMs: Double,
)

/**
 * A classifier that is loaded, and has run once: the first inference is slower than all others.
 * Every call is from the thread that made it, and never from the UI's.
 */
class LoadedModel(
    val candidate: Candidate, private val clock: Clock = Clock.MONOTONIC,
) : AutoCloseable {
    private val artifact = candidate.artifact
    private val input = artifact.manifest.input
    private val tensor = Preprocessing.allocate(input)
    private val session: Session

    init {
        if (!artifact.manifest.isClassifier) {
            throw NotUsable("${artifact.name} is not a classifier: it has no classes to tell")
        }
        session = candidate.open()
        runCatching { session.run() }.onFailure { session.close() }.getOrThrow()
    }

    /**
     * The [count] likeliest classes of a decoded image of any size; [orientation] is EXIF's, by
     * which it is turned upright.
     */
    fun predict(image: Picture, orientation: Int = 1, count: Int = 3): Prediction {
        val begin = clock.nanoseconds()
        val seen = Preprocessing.fit(image.upright(orientation), input.height, input.width)
        Preprocessing.fill(tensor, seen, input)
        session.write(tensor)
        val ready = clock.nanoseconds()
        session.run()
        val ran = clock.nanoseconds()
        val scores = Classification.top(session.read(0), artifact.labels, count)
        val done = clock.nanoseconds()
        return Prediction(
            seen, scores, milliseconds(ready - begin), milliseconds(ran - ready),
            milliseconds(done - ran),
        )
    }

    override fun close() = session.close()

    private fun milliseconds(nanoseconds: Long) = nanoseconds / NANOSECONDS_PER_MILLISECOND
}

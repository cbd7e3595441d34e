package dev.slidemobile.core

import java.io.File
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

class ArtifactLibraryTest {
    @TempDir lateinit var root: File

    private val backend = MeansBackend()

    private fun library(vararg names: String): ArtifactLibrary {
        for (name in names) writeArtifact(root, name)
        writeIndex(root, *names)
        return ArtifactLibrary.of(root, listOf(backend))
    }

    /** All green, which is the second label, and larger than the input. */
    private val green = Picture(3, 4, ByteArray(36) { (if (it % 3 == 1) 200 else 0).toByte() })

    @Test
    fun `an artifact is opened, predicts and is closed`() {
        library("a").open("a").use { model ->
            assertEquals("a", model.candidate.artifact.name)
            val prediction = model.predict(green)
            assertEquals("green", prediction.scores.first().label)
            assertEquals(3, prediction.scores.size)
            assertEquals(2 to 2, prediction.seen.height to prediction.seen.width)
            assertEquals(1, model.predict(green, orientation = 6, count = 1).scores.size)
        }
        assertEquals(1 to 1, backend.opened to backend.closed)
    }

    @Test
    fun `each stage of a prediction has its time`() {
        var seconds = 0L
        val clock = Clock { 1_000_000_000L * seconds.also { seconds += it + 1 } }
        val prediction = LoadedModel(library("a").candidate("a"), clock).predict(green)
        val times = prediction.run { listOf(preprocessMs, inferenceMs, postprocessMs) }
        assertEquals(listOf(1e3, 2e3, 4e3), times)  // the clock shows 0, 1, 3 and 7 s
    }

    @Test
    fun `it is verified and measured as on the screens`() {
        val candidate = library("a").candidate("a", threads = 2)
        assertEquals(2, candidate.threads)
        assertTrue(candidate.verify().single().passed)
        val result = candidate.measure(coolDevice, Plan(runs = 40, seconds = 0.0))
        assertEquals(40, result.samplesMs.size)
        assertEquals(backend.opened, backend.closed)
    }

    @Test
    fun `what cannot be opened says why`() {
        val library = library("a", "b")
        File(root, "b/model.means").writeText("another model")
        val damaged = ArtifactLibrary.of(root, listOf(backend))
        fun refusal(work: () -> Unit) = assertThrows(NotUsable::class.java) { work() }.line()
        assertEquals("c is not embedded, only a, b", refusal { library.open("c") })
        assertEquals("a has no accelerator gpu, only cpu", refusal { library.open("a", "gpu") })
        val why = refusal { damaged.open("b") }
        assertTrue(why.startsWith("b is not usable: model.means was changed"), why)
        assertEquals(0, backend.opened)
    }
}

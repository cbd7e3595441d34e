package dev.slidemobile.core

import java.util.Base64
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** What Python, Swift and Kotlin must accept and refuse: apps/conformance/artifact_vectors.py. */
class ConformanceTest {
    @Test
    fun `manifests are accepted and refused as by Python`() {
        agree("manifests.json") { Manifest.parse(it) }
    }

    @Test
    fun `indexes are accepted and refused as by Python`() {
        agree("indexes.json") { ArtifactIndex.lines(it) }
    }

    @Test
    fun `paths are accepted and refused as by Python`() {
        val paths = Conformance.document("paths.json")
        for (path in paths.texts("accepted")) assertTrue(Manifest.PATH.matches(path), path)
        for (path in paths.texts("refused")) assertEquals(false, Manifest.PATH.matches(path), path)
    }

    @Test
    fun `golden images are their bytes, and nothing else`() {
        for (case in Conformance.cases("ppm.json", "accepted")) {
            val size = case.int("height") * case.int("width") * Picture.CHANNELS
            val file = Base64.getDecoder().decode(case.text("ppm"))
            assertArrayEquals(file.copyOfRange(file.size - size, file.size), picture(case).rgb)
        }
        for (case in Conformance.cases("ppm.json", "refused")) {
            assertThrows(NotUsable::class.java, { picture(case) }, case.text("name"))
        }
    }

    private fun agree(file: String, read: (ByteArray) -> Any) {
        for (case in Conformance.cases(file, "accepted")) read(case.text("text").toByteArray())
        for (case in Conformance.cases(file, "refused")) {
            val name = case.text("name")
            val bytes = case.text("text").toByteArray()
            val error = assertThrows(NotUsable::class.java, { read(bytes) }, name)
            val says = case.getValue("says") as String?
            assertTrue(error.line().endsWith(says.orEmpty()), "$name: ${error.line()}")
        }
    }

    private fun picture(case: Map<String, Any?>): Picture = Picture.ofPpm(
        case.int("height"), case.int("width"), Base64.getDecoder().decode(case.text("ppm")),
    )
}

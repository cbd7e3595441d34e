package dev.slidemobile.core

import java.io.File
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

class VerificationTest {
    @TempDir lateinit var root: File

    @Test
    fun `decibels and verdict are Python's`() {
        for (case in Conformance.cases("verify.json", "cases")) {
            val name = case.text("name")
            val floor = case.getValue("min_sqnr_db").double()!!
            val reference = case.doubles("reference")
            val image = Verification.compare(name, reference, case.doubles("output"), floor)
            assertEquals(case.bool("passed"), image.passed, name)
            val db = case.getValue("sqnr_db").double()
            if (db == null) assertNull(image.sqnrDb, name)
            else assertEquals(db, image.sqnrDb!!, 1e-9, name)
        }
    }

    @Test
    fun `logits of another length fail`() {
        val image = Verification.compare("x", doubleArrayOf(1.0, 2.0), doubleArrayOf(1.0), -100.0)
        assertEquals(VerifiedImage("x", null, passed = false), image)
    }

    @Test
    fun `the golden images are run and compared`() {
        val image = verified(open(writeArtifact(root, "good"))).single()
        assertEquals("golden/00.ppm", image.file)
        assertEquals(true, image.passed)
    }

    @Test
    fun `one changed golden logit fails it`() {
        val folder = writeArtifact(root, "bad") { it.replace("130.0]", "190.0]") }
        assertEquals(listOf(false), verified(open(folder)).map { it.passed })
    }

    @Test
    fun `a model without classes has nothing to verify`() {
        val folder = writeArtifact(root, "maps") {
            it.replace("\"classify\"", "\"features\"").replace("[90.0, 110.0, 130.0]", "null")
        }
        val artifact = open(folder)
        val refusal = Verification.refusal(artifact.manifest)
        assertEquals("no logits: other outputs are compared on the host, by slide-mobile check", refusal)
        assertThrows(NotUsable::class.java) { verified(artifact) }
    }

    private fun verified(artifact: Artifact): List<VerifiedImage> =
        Candidate(artifact, MeansBackend(), Accelerator.CPU, 1).open().use {
            Verification.run(artifact, it)
        }
}

package dev.slidemobile.core

import java.io.File
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

class WordsTest {
    @TempDir lateinit var root: File

    @Test
    fun `a runtime is told with its version, as iOS does`() {
        val artifact = open(writeArtifact(root, "a"))
        for (case in Conformance.cases("words.json", "runtimes")) {
            val backend = object : Backend by MeansBackend() {
                override val name = case.text("name")
                override val runtimeVersion = case.text("version")
            }
            val candidate = Candidate(artifact, backend, Accelerator.CPU, 1)
            val results =
                Measurement(listOf(candidate), Plan(0, 1, 0.0), coolDevice).run()
            val environment = Environment("phone", "Android", "16", "", 8, null, "1", "", mapOf())
            val document = BenchReport.json(environment, results)
            val result = document.items("results").single().fields()
            assertEquals(case.text("runtime"), result.text("runtime"))
        }
    }

    @Test
    fun `what was stopped says so in Python's digits, as iOS does`() {
        for (case in Conformance.cases("words.json", "stopped")) {
            val seconds = case.getValue("seconds").double()!!
            assertEquals(case.text("reason"), Statistics.stopped(seconds))
        }
    }
}

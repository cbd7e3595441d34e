package dev.slidemobile.core

import java.io.File
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

class BatchTest {
    @TempDir lateinit var root: File

    private val plan = Plan(warmupRuns = 0, runs = 40, seconds = 0.0)

    private val broken = object : Backend by MeansBackend() {
        override fun open(
            artifact: Artifact, accelerator: Accelerator, threads: Int, precision: Precision,
        ): Session = error("no such kernel\nand more")
    }

    private fun candidate(
        name: String, backend: Backend = MeansBackend(), accelerator: Accelerator = Accelerator.CPU,
    ) = Candidate(open(writeArtifact(root, name)), backend, accelerator, 2)

    @Test
    fun `one that fails is told, and the others are measured`() {
        val groups = listOf(listOf(candidate("a", broken)), listOf(candidate("b")))
        val batch = Batch(groups, plan, coolDevice, isVerified = true)
        batch.run()
        assertEquals(listOf("b"), batch.results.map { it.candidate.artifact.name })
        assertEquals(listOf(true), batch.results.single().verify?.map { it.passed })
        assertEquals(listOf(Failure("a", "no such kernel")), batch.failures)
        val fields = document(batch).fields()
        val failed = fields.items("failed").single().fields()
        assertEquals("a", failed.text("artifact"))
        assertEquals("no such kernel", failed.text("error"))
    }

    @Test
    fun `an A or B that fails is told of both`() {
        val groups = listOf(listOf(candidate("a"), candidate("b", broken)), listOf(candidate("c")))
        val batch = Batch(groups, plan, coolDevice).apply { run() }
        assertEquals(listOf("a", "b"), batch.failures.map { it.artifact })
        assertEquals(listOf("c"), batch.results.map { it.candidate.artifact.name })
    }

    @Test
    fun `if nothing was measured it throws what was told`() {
        val batch = Batch(listOf(listOf(candidate("a", broken))), plan, coolDevice)
        val error = assertThrows(NotUsable::class.java) { batch.run() }
        assertEquals("a: no such kernel", error.message)
        val none = Batch(emptyList(), plan, coolDevice)
        assertThrows(NotUsable::class.java) { none.run() }
    }

    @Test
    fun `what is cancelled ends early, and the rest is not begun`() {
        lateinit var batch: Batch
        val leaving = object : Backend by MeansBackend() {
            override fun open(
                artifact: Artifact, accelerator: Accelerator, threads: Int, precision: Precision,
            ): Session {
                batch.cancel()
                return MeansBackend().open(artifact, accelerator, threads, precision)
            }
        }
        val groups = listOf(listOf(candidate("a", leaving)), listOf(candidate("b")))
        batch = Batch(groups, plan, coolDevice)
        batch.run()
        assertEquals("stopped after 0.0 s", batch.results.single().whyInvalid.last())
        assertEquals(listOf(Failure("b", "stopped before it began")), batch.failures)
    }

    @Test
    fun `threads are told of the CPU only`() {
        val groups = listOf(listOf(candidate("a"), candidate("a", accelerator = Accelerator.GPU)))
        val batch = Batch(groups, plan, coolDevice).apply { run() }
        val results = document(batch).fields().items("results")
        val threads = results.map { it.fields().getValue("threads") }
        assertEquals(listOf(2, null), threads)
    }

    @Test
    fun `a verdict goes with what is measured in the same way, before and after`() {
        val (a, b) = listOf(candidate("a"), candidate("b"))
        val passed = listOf(VerifiedImage("golden/00.ppm", 40.0, passed = true))
        val measurements = Measurements()
        fun measured(vararg candidates: Candidate) =
            Batch(listOf(candidates.toList()), plan, coolDevice).apply { run() }.results
        measurements.add(measured(a, b))
        measurements.add(a, passed)
        measurements.add(measured(a, a.copy(threads = 1)))
        assertEquals(listOf(passed, null, passed, null), measurements.results.map { it.verify })
        measurements.clear()
        measurements.add(measured(a))
        assertNull(measurements.results.single().verify)
    }

    private fun document(batch: Batch): Map<String, Any?> = BenchReport.json(
        Environment("phone", "Android", "16", "", 8, null, "1.0", "2026-01-01T00:00:00Z", mapOf()),
        batch.results, batch.failures,
    )
}

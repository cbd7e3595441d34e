package dev.slidemobile.core

import java.io.File
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

class HeadlessRequestTest {
    @TempDir lateinit var root: File

    private fun of(vararg extras: Pair<String, Any?>) = HeadlessRequest.of(mapOf(*extras))

    private fun refusal(vararg extras: Pair<String, Any?>): String =
        assertThrows(NotUsable::class.java) { of(*extras) }.line()

    /** The extras as `--es` gives them; an extra that comes twice is one text with commas. */
    private fun asked(case: Map<String, Any?>): Map<String, Any?> =
        case.items("asked")
            .map { pair -> pair.items().map { it as String } }
            .groupBy({ it[0] }, { it[1] }).mapValues { it.value.joinToString(",") }

    @Test
    fun `what is asked for is understood as on iOS`() {
        for (case in Conformance.cases("headless.json", "understood")) {
            val extras = asked(case)
            val seconds = requireNotNull(case.getValue("seconds").double())
            val expected = HeadlessRequest(
                artifacts = case.texts("artifacts"),
                accelerator = case.getValue("accelerator") as String?,
                threads = case.getValue("threads").double()?.toInt(),
                plan = Plan(
                    case.int("warmup"), case.int("runs"), seconds, case.getValue("wait").double()!!,
                ),
                isSustained = case.bool("sustained"),
                isInterleaved = case.bool("ab"),
                turn = case.getValue("session").double()?.let { Turn(it.toInt()) },
                precision = Precision.values()
                    .firstOrNull { it.label == case.getValue("precision") },
                isVerified = case.bool("verify"),
                output = case.text("out"),
            )
            assertEquals(expected, HeadlessRequest.of(extras))
            assertEquals(expected.output, HeadlessRequest.output(extras))
        }
    }

    @Test
    fun `nonsense is refused as on iOS`() {
        for (case in Conformance.cases("headless.json", "refused")) {
            val extras = asked(case)
            val error = assertThrows(NotUsable::class.java) { HeadlessRequest.of(extras) }
            assertEquals(case.text("why"), error.message)
            val output = case.getValue("out") as String?
            assertEquals(output, HeadlessRequest.output(extras))
        }
    }

    @Test
    fun `a number may be of any type that can hold it`() {
        for (ten in listOf(10, 10L, 10.toShort(), 10.toByte(), "10")) {
            val plan = of("runs" to ten, "seconds" to ten, "warmup" to ten).plan
            assertEquals(Plan(warmupRuns = 10, runs = 10, seconds = 10.0), plan)
        }
        for (seconds in listOf(0.1f, 0.1, "0.1")) {
            assertEquals(0.1, of("seconds" to seconds).plan.seconds)
        }
        assertEquals(60.0, of("sustained" to 60f).plan.seconds)
    }

    @Test
    fun `yes and no may be true and false`() {
        for (yes in listOf(true, 1, 1L, "1")) {
            val request = of("ab" to yes, "verify" to yes)
            assertTrue(request.isInterleaved && request.isVerified)
        }
        assertEquals(of(), of("ab" to false, "verify" to 0))
    }

    @Test
    fun `several artifacts are one text with commas, an array or a list`() {
        val names = listOf("a", "b", "a")
        for (value in listOf("a,b,a", arrayOf("a", "b", "a"), ArrayList(names))) {
            assertEquals(names, of("artifact" to value).artifacts)
        }
    }

    @Test
    fun `what only extras can say is refused too`() {
        assertEquals(
            "seconds=Infinity is not a number from 0 to 3600",
            refusal("seconds" to Float.POSITIVE_INFINITY),
        )
        assertEquals("seconds=NaN is not a number from 0 to 3600", refusal("seconds" to Double.NaN))
        assertEquals("runs=50.0 is not a whole number from 1 to 1000000", refusal("runs" to 50f))
        assertEquals("runs=true is not a whole number from 1 to 1000000", refusal("runs" to true))
        assertEquals("ab=1.0 is not a whole number from 0 to 1", refusal("ab" to 1.0))
        assertEquals("threads is of type int[], not one value", refusal("threads" to intArrayOf(4)))
        assertEquals("out is of type String[], not one value", refusal("out" to arrayOf("x.json")))
        for (name in listOf("artifact", "accelerator", "threads", "seconds", "ab", "out")) {
            assertTrue(refusal(name to null).startsWith(name))  // --esn
        }
        for (names in listOf("a,", ",", arrayOf("a", null), arrayOf<String>())) {
            assertTrue(refusal("artifact" to names).startsWith("artifact is empty"), "$names")
        }
        // Digits to Java, not to Swift.
        assertTrue(refusal("runs" to "\u0665").startsWith("runs="))
        assertTrue(refusal("exit" to 1).startsWith("exit is not known, only artifact, "))
    }

    @Test
    fun `artifacts are measured alone, and in turns with ab`() {
        val entries = entries("a", "b")
        fun folders(vararg extras: Pair<String, Any?>) = of(*extras).groups(entries).groups
            .map { group -> group.map { it.artifact.name } }
        assertEquals(listOf(listOf("a"), listOf("b")), folders())
        assertEquals(listOf(listOf("b"), listOf("a")), folders("artifact" to "b,a"))
        assertEquals(listOf(listOf("b", "b")), folders("artifact" to "b,b", "ab" to true))
        assertEquals(listOf(listOf("a", "b")), folders("ab" to 1))
        assertTrue(of("ab" to 1).groups(emptyList()).groups.isEmpty())
    }

    @Test
    fun `accelerators and threads are those asked for, or the usual`() {
        fun candidate(vararg extras: Pair<String, Any?>) =
            of(*extras).groups(entries("a")).groups.single().single()
        assertEquals(Accelerator.CPU, candidate().accelerator)
        assertEquals(4, candidate().threads)
        val asked = candidate("accelerator" to "gpu", "threads" to 2)
        assertEquals(Accelerator.GPU, asked.accelerator)
        assertEquals(2, asked.threads)
    }

    @Test
    fun `one that is named and cannot be measured as asked is refused`() {
        val entries = entries("a", "b") + Entry.NotUsable("c", "it is damaged")
        fun refusal(vararg extras: Pair<String, Any?>) =
            assertThrows(NotUsable::class.java) { of(*extras).groups(entries) }.message
        assertEquals("gone is not embedded, only a, b, c", refusal("artifact" to "a,gone"))
        assertEquals("c is not usable: it is damaged", refusal("artifact" to "c"))
        assertEquals(
            "b has no accelerator npu, only cpu, gpu",
            refusal("artifact" to "b", "accelerator" to "npu"),
        )
        val none = assertThrows(NotUsable::class.java) { of("artifact" to "a").groups(listOf()) }
        assertEquals("a is not embedded, only nothing", none.message)
    }

    @Test
    fun `of all, those that cannot are told beside the others' results`() {
        val entries = entries("a") + Entry.Usable(artifact("b"), MeansBackend())
        val asked = of("accelerator" to "gpu", "runs" to 1, "seconds" to 0).groups(entries)
        assertEquals(listOf("a"), asked.groups.flatten().map { it.artifact.name })
        val expected = listOf(Failure("b", "b has no accelerator gpu, only cpu"))
        assertEquals(expected, asked.failed)
        val plan = Plan(0, 1, 0.0)
        val batch = Batch(asked.groups, plan, coolDevice, failed = asked.failed)
        batch.run()
        assertEquals(expected, batch.failures)
        val nothing = Batch(emptyList(), plan, coolDevice, failed = asked.failed)
        val error = assertThrows(NotUsable::class.java) { nothing.run() }
        assertEquals("b: b has no accelerator gpu, only cpu", error.message)
    }

    private fun artifact(name: String) = open(writeArtifact(root, name))

    /** A backend of a phone with a GPU. */
    private fun entries(vararg names: String): List<Entry> = names.map { name ->
        val backend = object : Backend by MeansBackend() {
            override fun accelerators(manifest: Manifest) =
                listOf(Accelerator.CPU, Accelerator.GPU)
        }
        Entry.Usable(artifact(name), backend)
    }
}

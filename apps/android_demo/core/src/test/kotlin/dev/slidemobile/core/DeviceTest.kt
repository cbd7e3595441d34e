package dev.slidemobile.core

import java.io.File
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** What the device says around a measurement; the vectors are apps/conformance/device.json. */
class DeviceTest {
    @TempDir lateinit var root: File

    @Test
    fun `a device is fit or not for Python's reasons`() {
        for (case in Conformance.cases("device.json", "fitness")) {
            val condition = Condition(
                powerSaver = case.getValue("power_saver") as Boolean?,
                chargePercent = case.getValue("charge_percent").double()?.toInt(),
                isCharging = case.getValue("charging") as Boolean?,
                thermal = thermal(case.text("thermal")),
                isDebuggable = case.bool("debuggable"),
                isEmulator = case.bool("emulator"),
            )
            val fitness = Fitness(condition, case.getValue("waited_seconds").double()!!)
            assertEquals(case.texts("why_unfit"), fitness.whyUnfit)
        }
    }

    @Test
    fun `a hot phone is waited for, and no longer than asked`() {
        val cooling = Warm(hotLooks = 3)
        assertEquals(Fitness(goodCondition, 3.0), Fitness.waited(cooling, 120.0) { false })
        val hot = Fitness.waited(Warm(hotLooks = 1000), 5.0) { false }
        assertEquals(listOf("the phone is serious after 5 s"), hot.whyUnfit)
        assertEquals(0.0, Fitness.waited(Warm(hotLooks = 1000), 120.0) { true }.waitedSeconds)
    }

    @Test
    fun `what is not fit is measured, and not valid`() {
        val saving = object : Device by coolDevice {
            override fun condition() = goodCondition.copy(powerSaver = true)
        }
        val artifact = open(writeArtifact(root, "a"))
        val candidate = Candidate(artifact, MeansBackend(), Accelerator.CPU, 1)
        val result = Measurement(listOf(candidate), Plan(runs = 30, seconds = 0.0), saving).run()
        assertTrue("the power saver is on" in result.single().whyInvalid)
    }

    @Test
    fun `a sustained run ends with Python's verdict`() {
        for (case in Conformance.cases("device.json", "endurance")) {
            val curve = case.items("sustained").map { it.fields() }.map {
                SecondMedian(it.int("second"), it.getValue("p50_ms").double()!!, it.int("runs"))
            }
            val found = Endurance.of(curve, thermal(case.text("thermal_after")))
            val expected = case.getValue("endurance")?.fields()
            if (expected == null) {
                assertNull(found)
                continue
            }
            requireNotNull(found)
            assertEquals(expected.getValue("first_ms").double()!!, found.firstMs, 1e-9)
            assertEquals(expected.getValue("last_ms").double()!!, found.lastMs, 1e-9)
            assertEquals(expected.getValue("slowdown").double()!!, found.slowdown, 1e-9)
            assertEquals(expected.bool("throttled"), found.isThrottled)
        }
    }

    @Test
    fun `the CPU's bits at the CPU's speed are believed of no accelerator`() {
        for (case in Conformance.cases("device.json", "fingerprints")) {
            val found = Fingerprint(
                case.bool("equal_to_cpu"), case.getValue("max_abs").double(),
                case.getValue("cpu_ms").double()!!, case.getValue("own_ms").double()!!,
            )
            assertEquals(case.texts("why_invalid"), found.whyInvalid("gpu"))
        }
    }

    @Test
    fun `an accelerator that computes on the CPU is found out`() {
        val artifact = open(writeArtifact(root, "a"))
        val plan = Plan(runs = 30, seconds = 0.0)
        val steady = object : Clock {
            private var now = 0L
            override fun nanoseconds(): Long = now.also { now += 1_000_000 }
        }
        val gpu = Candidate(artifact, MeansBackend(), Accelerator.GPU, 1)
        val result = Measurement(listOf(gpu), plan, coolDevice, clock = steady).run().single()
        assertEquals(Fingerprint(true, 0.0, 1.0, 1.0), result.fingerprint)
        val reason = "gpu gives the CPU's outputs, to the last bit, at the CPU's speed"
        assertEquals(listOf(reason), result.whyInvalid)
        val cpu = gpu.onCpu()
        assertNull(Measurement(listOf(cpu), plan, coolDevice).run().single().fingerprint)
    }

    @Test
    fun `runtimes are new enough for a file as in Python`() {
        for (case in Conformance.cases("releases.json", "releases")) {
            val found = Releases.covers(case.text("runtime"), case.text("oldest"))
            assertEquals(case.bool("covers"), found, "$case")
        }
        assertNull(Releases.refusal("LiteRT", "1.0", null))
        assertEquals(
            "it needs LiteRT 2.0 or newer, this app has 1.0",
            Releases.refusal("LiteRT", "1.0", "2.0"),
        )
    }

    private fun thermal(label: String) = Thermal.values().first { it.label == label }

    /** Too hot for some looks; its pauses take no time. */
    private class Warm(private var hotLooks: Int) : Device by coolDevice {
        override fun condition(): Condition =
            if (hotLooks-- > 0) goodCondition.copy(thermal = Thermal.SERIOUS) else goodCondition

        override fun pause(seconds: Double) = Unit
    }
}

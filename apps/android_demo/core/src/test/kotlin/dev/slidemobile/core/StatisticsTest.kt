package dev.slidemobile.core

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Test

class StatisticsTest {
    private val tolerance = 1e-9  // as README.md of the vectors asks

    @Test
    fun `percentiles, spread and verdict are Python's`() {
        Conformance.cases("statistics.json", "summaries").forEach(::agree)
    }

    private fun agree(case: Map<String, Any?>) {
        val name = case.text("name")
        val samples = case.doubles("samples_ms")
        val summary = Statistics.summary(samples)
        assertEquals(case.getValue("p50_ms").double()!!, summary.p50Ms, tolerance, name)
        assertEquals(case.getValue("p90_ms").double()!!, summary.p90Ms, tolerance, name)
        val p99 = case.getValue("p99_ms").double()
        if (p99 == null) assertNull(summary.p99Ms, name)
        else assertEquals(p99, summary.p99Ms!!, tolerance, name)
        assertEquals(case.getValue("mean_ms").double()!!, summary.meanMs, tolerance, name)
        assertEquals(case.getValue("spread").double()!!, summary.spread, tolerance, name)
        val slowdown = case.getValue("slowdown").double()
        if (slowdown == null) assertNull(Statistics.slowdown(samples), name)
        else assertEquals(slowdown, Statistics.slowdown(samples)!!, tolerance, name)
        val before = thermal(case, "thermal_before")
        val reasons = Statistics.whyInvalid(samples, before, thermal(case, "thermal_after"))
        assertEquals(case.texts("why_invalid"), reasons, name)
        assertEquals(case.bool("valid"), reasons.isEmpty(), name)
    }

    @Test
    fun `the sustained curve is Python's`() {
        for (case in Conformance.cases("statistics.json", "sustained")) {
            val curve = Statistics.bySecond(case.doubles("end_seconds"), case.doubles("samples_ms"))
            val expected = case.items("sustained").map { it.fields() }
            assertEquals(expected.map { it.int("second") }, curve.map { it.second })
            assertEquals(expected.map { it.int("runs") }, curve.map { it.runs })
            for ((point, wanted) in curve zip expected) {
                assertEquals(wanted.getValue("p50_ms").double()!!, point.p50Ms, tolerance)
            }
        }
    }

    private fun thermal(case: Map<String, Any?>, name: String) =
        Thermal.values().first { it.label == case.text(name) }
}

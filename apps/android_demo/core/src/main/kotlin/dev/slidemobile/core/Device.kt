package dev.slidemobile.core

/** The memory that the system counts against the app, of which [graphicsBytes] are graphics. */
data class MemoryReading(val bytes: Long, val graphicsBytes: Long?)

/** Memory around a measurement; [kind] is how it was counted: "pss" on Android. */
data class Memory(
    val kind: String, val baseBytes: Long?, val peakBytes: Long?, val graphicsBytes: Long?,
)

/** What the device reports while it measures. */
interface Device {
    fun condition(): Condition

    fun thermal(): Thermal = condition().thermal

    /** The most memory that this process has held; null if the system does not report it. */
    fun peakRssBytes(): Long?

    /** How [memory] is counted. */
    val memoryKind: String get() = "pss"

    /** The memory now: it takes milliseconds to count, so never between two runs. */
    fun memory(): MemoryReading? = null

    /** The system's build, which changes with each update. */
    val osBuild: String get() = ""

    fun pause(seconds: Double) = Thread.sleep((seconds * MILLISECONDS_PER_SECOND).toLong())
}

private const val MILLISECONDS_PER_SECOND = 1e3

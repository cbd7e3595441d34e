package dev.slidemobile.core

/** What a runtime makes of a file on the device; the names are those of the shared document. */
enum class Product { NONE, XNNPACK, DELEGATE, GPU, NPU;

    val label: String get() = name.lowercase()
}

/** What a session says of its own conversion. */
data class Made(
    val product: Product,
    /** Whether a product of an earlier start was used. */
    val isCached: Boolean = false,
    /** Null where it is a part of the load that is not told apart. */
    val compileMs: Double? = null,
    /** Of the product, on disk; null where there is none. */
    val bytes: Long? = null,
    /** What it is cached under; null where it is not. */
    val key: String? = null,
)

/** The conversion of one artifact on this device, cold and warm. */
data class Conversion(
    val made: Made, val coldLoadMs: Double, val warmLoadMs: Double?, val osBuild: String,
)

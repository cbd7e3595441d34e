package dev.slidemobile.core

/** IEEE 754 binary16, for which Android and the JVM before 20 have no API in common. */
object HalfFloat {
    /** Exact for whole numbers up to 2048, all that images need. */
    fun fromByte(value: Int): Short {
        if (value == 0) return 0
        val exponent = 31 - Integer.numberOfLeadingZeros(value)
        val fraction = (value shl (10 - exponent)) and 0x3ff
        return ((exponent + 15 shl 10) or fraction).toShort()
    }

    fun toFloat(bits: Short): Float {
        val all = bits.toInt() and 0xffff
        val sign = all and 0x8000 shl 16
        val exponent = all shr 10 and 0x1f
        val fraction = all and 0x3ff
        return when (exponent) {
            0x1f -> Float.fromBits(sign or 0x7f800000 or (fraction shl 13))
            0 -> if (sign == 0) fraction * SUBNORMAL_STEP else -(fraction * SUBNORMAL_STEP)
            else -> Float.fromBits(sign or (exponent + 112 shl 23) or (fraction shl 13))
        }
    }

    private const val SUBNORMAL_STEP = 1f / (1 shl 24)
}

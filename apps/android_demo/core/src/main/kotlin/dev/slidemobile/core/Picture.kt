package dev.slidemobile.core

/** Decoded pixels: [rgb] is (height, width, 3) bytes, row by row. */
class Picture(val height: Int, val width: Int, val rgb: ByteArray) {
    init {
        require(height > 0 && width > 0 && rgb.size == height * width * CHANNELS) {
            "${rgb.size} bytes are not $height x $width RGB"
        }
    }

    /** Turns the image by its EXIF orientation, 1 to 8; any other value means upright. */
    fun upright(orientation: Int): Picture {
        if (orientation !in 2..8) return this
        val swapped = orientation >= 5
        val (newHeight, newWidth) = if (swapped) width to height else height to width
        // Where the new first pixel is, and how far from it the next row and the next column are.
        val isFromBottom = orientation in setOf(3, 4, 6, 7)
        val isFromRight = orientation in setOf(2, 3, 7, 8)
        val start = (if (isFromBottom) (height - 1) * width else 0) +
            (if (isFromRight) width - 1 else 0)
        val down = if (isFromBottom) -width else width
        val across = if (isFromRight) -1 else 1
        val (nextRow, nextColumn) = if (swapped) across to down else down to across
        val turned = ByteArray(rgb.size)
        var to = 0
        for (row in 0 until newHeight) {
            var from = (start + row * nextRow) * CHANNELS
            for (column in 0 until newWidth) {
                turned[to++] = rgb[from]
                turned[to++] = rgb[from + 1]
                turned[to++] = rgb[from + 2]
                from += nextColumn * CHANNELS
            }
        }
        return Picture(newHeight, newWidth, turned)
    }

    companion object {
        const val CHANNELS = 3

        /**
         * Reads a golden image: a binary PPM of exactly this size, as written by
         * slide_mobile/artifact/golden.py. Throws [NotUsable] for any other bytes.
         */
        fun ofPpm(height: Int, width: Int, file: ByteArray): Picture {
            val header = "P6\n$width $height\n255\n".toByteArray()
            val isWhole = file.size == header.size + height * width * CHANNELS &&
                file.copyOf(header.size).contentEquals(header)
            if (!isWhole) throw NotUsable("a golden image is not a PPM of $width x $height pixels")
            return Picture(height, width, file.copyOfRange(header.size, file.size))
        }
    }
}

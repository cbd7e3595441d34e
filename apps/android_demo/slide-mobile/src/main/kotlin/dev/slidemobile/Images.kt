package dev.slidemobile

import android.content.ContentResolver
import android.graphics.Bitmap
import android.graphics.BitmapFactory
import android.graphics.Color
import android.media.ExifInterface
import android.net.Uri
import dev.slidemobile.core.Picture

/** A decoded photo as it is stored, and the EXIF orientation that it asks for. */
class Photo(val picture: Picture, val orientation: Int)

/** Photos, decoded by Android as they are stored: not turned, and scaled only if too large. */
object Images {
    // The decoder halves larger photos. The stored and the turned copy have three bytes a pixel
    // each, and both must fit in half of the heap.
    private val maxPixels = Runtime.getRuntime().maxMemory() / 12

    fun photo(resolver: ContentResolver, uri: Uri): Photo {
        val stream = requireNotNull(resolver.openInputStream(uri)) { "the photo is gone" }
        val file = stream.use { it.readBytes() }
        val bounds = BitmapFactory.Options().apply { inJustDecodeBounds = true }
        BitmapFactory.decodeByteArray(file, 0, file.size, bounds)
        val options = BitmapFactory.Options().apply {
            inScaled = false
            inSampleSize = 1
            var pixels = bounds.outWidth.toLong() * bounds.outHeight
            while (pixels > maxPixels) {
                inSampleSize *= 2
                pixels /= 4
            }
        }
        val orientation = ExifInterface(file.inputStream())
            .getAttributeInt(ExifInterface.TAG_ORIENTATION, ExifInterface.ORIENTATION_NORMAL)
        val bitmap = requireNotNull(BitmapFactory.decodeByteArray(file, 0, file.size, options)) {
            "not an image that Android can decode"
        }
        return Photo(picture(bitmap), orientation)
    }

    /** The picture as a bitmap, for the screen. */
    fun bitmap(picture: Picture): Bitmap {
        val pixels = IntArray(picture.height * picture.width) { index ->
            val at = index * Picture.CHANNELS
            fun channel(offset: Int) = picture.rgb[at + offset].toInt() and 0xff
            Color.rgb(channel(0), channel(1), channel(2))
        }
        return Bitmap.createBitmap(pixels, picture.width, picture.height, Bitmap.Config.ARGB_8888)
    }

    /** Copies row by row: all pixels as ints would need more memory than the photo. */
    private fun picture(bitmap: Bitmap): Picture {
        val rgb = ByteArray(bitmap.height * bitmap.width * Picture.CHANNELS)
        val row = IntArray(bitmap.width)
        var at = 0
        for (y in 0 until bitmap.height) {
            bitmap.getPixels(row, 0, bitmap.width, 0, y, bitmap.width, 1)
            for (pixel in row) {
                rgb[at++] = (pixel shr 16).toByte()
                rgb[at++] = (pixel shr 8).toByte()
                rgb[at++] = pixel.toByte()
            }
        }
        return Picture(bitmap.height, bitmap.width, rgb).also { bitmap.recycle() }
    }
}

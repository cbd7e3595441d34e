package dev.slidemobile.measure

import android.content.ContentProvider
import android.content.ContentValues
import android.content.Context
import android.database.Cursor
import android.database.MatrixCursor
import android.net.Uri
import android.os.ParcelFileDescriptor
import android.provider.OpenableColumns
import java.io.File
import java.io.FileNotFoundException

/**
 * The files of one cache folder, for the apps that are granted one: a receiver reads the shared
 * JSON, the camera writes its photo. (AndroidX has FileProvider; this app is without AndroidX.)
 */
class SharedFiles : ContentProvider() {
    override fun onCreate(): Boolean = true

    override fun openFile(uri: Uri, mode: String): ParcelFileDescriptor =
        ParcelFileDescriptor.open(file(uri), ParcelFileDescriptor.parseMode(mode))

    override fun getType(uri: Uri): String =
        if (file(uri).extension == "json") "application/json" else "image/jpeg"

    override fun query(
        uri: Uri,
        projection: Array<out String>?,
        selection: String?,
        selectionArgs: Array<out String>?,
        sortOrder: String?,
    ): Cursor {
        val file = file(uri)
        val columns = projection ?: arrayOf(OpenableColumns.DISPLAY_NAME, OpenableColumns.SIZE)
        val row = columns.map { column ->
            when (column) {
                OpenableColumns.DISPLAY_NAME -> file.name
                OpenableColumns.SIZE -> file.length()
                else -> null
            }
        }
        return MatrixCursor(columns, 1).apply { addRow(row) }
    }

    override fun insert(uri: Uri, values: ContentValues?): Uri? = null

    override fun delete(uri: Uri, selection: String?, selectionArgs: Array<out String>?): Int = 0

    override fun update(
        uri: Uri, values: ContentValues?, selection: String?, selectionArgs: Array<out String>?,
    ): Int = 0

    /** The file of a name in the folder; refuses a path that leaves it. */
    private fun file(uri: Uri): File {
        val name = uri.lastPathSegment.orEmpty()
        if (!NAME.matches(name)) throw FileNotFoundException(uri.toString())
        return File(folder(requireNotNull(context)), name)
    }

    companion object {
        private val NAME = Regex("[A-Za-z0-9_-]+\\.(json|jpg)")

        fun folder(context: Context): File = File(context.cacheDir, "shared").apply { mkdirs() }

        fun uri(context: Context, name: String): Uri = Uri.Builder()
            .scheme("content")
            .authority("${context.packageName}.files")
            .appendPath(name)
            .build()
    }
}

package dev.slidemobile.core

import java.io.File
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

class ArtifactIndexTest {
    @TempDir lateinit var root: File

    private val backends = listOf(MeansBackend())

    @Test
    fun `a whole artifact is usable`() {
        writeArtifact(root, "good")
        writeIndex(root, "good")
        val entry = ArtifactIndex.list(root, backends).single() as Entry.Usable
        assertEquals("good", entry.folder)
        assertEquals(listOf("red", "green", "blue"), entry.artifact.labels)
        assertEquals(40.5, entry.artifact.manifest.sqnrDb)
    }

    @Test
    fun `an app without artifacts has an empty list`() {
        assertEquals(emptyList<Entry>(), ArtifactIndex.list(root, backends))
    }

    @Test
    fun `a damaged artifact says why, and the others stay usable`() {
        damaged("a byte of the model", "model.means was changed") {
            File(it, "model.means").appendText("x")
        }
        damaged("a golden image", "golden/00.ppm was changed") {
            File(it, "golden/00.ppm").appendText("x")
        }
        damaged("a label", "labels.txt was changed") {
            File(it, "labels.txt").writeText("rot\ngreen\nblue\n")
        }
        damaged("no model", "model.means is missing") { File(it, "model.means").delete() }
        damaged("no image", "golden/00.ppm is missing") { File(it, "golden/00.ppm").delete() }
        damaged("no manifest", "manifest.json is missing") { File(it, "manifest.json").delete() }
        damaged("no folder", "the folder is missing") { it.deleteRecursively() }
        damaged("a golden logit", NOT_EMBEDDED) {
            edit(it) { text -> text.replace("110.0", "111.0") }
        }
        damaged("a line end", NOT_EMBEDDED) { File(it, "manifest.json").appendText("\n") }
        damaged("not JSON", NOT_EMBEDDED) { File(it, "manifest.json").writeText("{") }
        damaged("a folder for the model", "model.means is missing") {
            File(it, "model.means").run { delete(); mkdir() }
        }
    }

    @Test
    fun `a foreign artifact says why`() {
        val version = "\"schema_version\": 5"
        foreign("manifest schema 6 is not 5: update the app", version, "\"schema_version\": 6")
        foreign("manifest schema 4 is not 5: convert", version, "\"schema_version\": 4")
        foreign("the manifest is not JSON", "]}]}", "]}]")
        foreign("the manifest names a field twice", version, "$version, $version")
        foreign("a list of paths in the folder", "\"model.means\": \"", "\"../model.means\": \"")
        foreign("parity/min_sqnr_db is not from -200", ": 30}", ": -1000}")
        foreign("model.means has no sha256", "\"model.means\": \"", "\"other\": \"")
        foreign("golden image has no sha256", "{\"file\": \"golden/00", "{\"file\": \"golden/01")
        foreign("a classifier has labels", "\"labels.txt\": \"", "\"golden/01.ppm\": \"")
        foreign("this app runs means, not coreml", "\"target\": \"means", "\"target\": \"coreml")
        foreign("it is for vulkan", "\"plain\"", "\"vulkan\"")
        foreign("file is not like", "\"file\": \"model.means\"", "\"file\": \"../../secret\"")
        foreign("graph/partitions is not there", "\"partitions\": 1, ", "")
        foreign("model/name is not a text", "\"name\": \"means\"", "\"name\": 7")
        foreign("input/shape is not a shape", "[1, 2, 2, 3]", "[1, 99999, 99999, 3]")
        foreign("is not of one RGB image", "[1, 2, 2, 3]", "[1, 2, 2, 4]")
        foreign("is not of one RGB image", "[1, 2, 2, 3]", "[2]")
        foreign("input/layout is not one of", "NHWC", "HWCN")
        foreign("golden logits are not one a class", "90.0, 110.0, 130.0", "90.0, 110.0")
        foreign("task 'detect' is not one of", "\"classify\"", "\"detect\"")
    }

    @Test
    fun `an artifact that was exchanged after it was embedded is not usable`() {
        writeArtifact(root, "good")
        writeIndex(root, "good")
        writeArtifact(root, "good") { it.replace("\"fp32\"", "\"int8\"") }
        assertEquals(NOT_EMBEDDED, why("good"))
    }

    @Test
    fun `an index line cannot leave the folder`() {
        writeIndex(root, "../good")
        assertTrue("is not the name of a folder" in why("../good"))
    }

    @Test
    fun `a damaged index says so`() {
        val index = File(root, ArtifactIndex.FILE)
        val newer = "{\"schema_version\": 3, \"artifacts\": []}"
        for (text in listOf("", "[]", newer, "{\"schema_version\": 1}")) {
            index.writeText(text)
            assertThrows(NotUsable::class.java, { ArtifactIndex.list(root, backends) }, text)
        }
    }

    private fun damaged(name: String, expected: String, damage: (File) -> Unit) {
        root.listFiles()?.forEach { it.deleteRecursively() }
        writeArtifact(root, "bad")
        writeArtifact(root, "good")
        writeIndex(root, "bad", "good")
        damage(File(root, "bad"))
        assertTrue(expected in why("bad"), "$name: ${why("bad")}")
        assertTrue(ArtifactIndex.list(root, backends).last() is Entry.Usable, name)
    }

    private fun foreign(expected: String, from: String, to: String) {
        root.listFiles()?.forEach { it.deleteRecursively() }
        writeArtifact(root, "bad") { text ->
            check(from in text) { "$from is not there" }
            text.replace(from, to)
        }
        writeIndex(root, "bad")
        assertTrue(expected in why("bad"), why("bad"))
    }

    /** The index keeps the digest of what was there. */
    private fun edit(folder: File, change: (String) -> String) {
        val file = File(folder, "manifest.json")
        val text = file.readText()
        check(change(text) != text)
        file.writeText(change(text))
    }

    private fun why(folder: String): String =
        (ArtifactIndex.list(root, backends).first { it.folder == folder } as Entry.NotUsable).why

    private companion object {
        const val NOT_EMBEDDED =
            "its manifest is not the one that was embedded: run slide-mobile embed again"
    }
}

package dev.slidemobile.core

import java.io.File
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

class ModelStoreTest {
    @TempDir lateinit var root: File

    private val store by lazy { ModelStore(File(root, "store")) }

    /** An artifact as it is brought; another [decibels] makes another manifest. */
    private fun brought(name: String = "model", decibels: Int = 40): File =
        writeArtifact(File(root, "inbox"), name) { it.replace("40.5", "$decibels.5") }

    private fun proved(artifact: Artifact): List<VerifiedImage> =
        MeansBackend().open(artifact, Accelerator.CPU, 1).use { Verification.run(artifact, it) }

    private fun promoted(folder: File): StoredModel =
        store.takeIn(folder).also { store.prove(it, ::proved) }

    @Test
    fun `what is brought is verified, proved and promoted`() {
        val model = store.takeIn(brought())
        assertEquals(emptyList<StoredModel>(), store.promoted())
        store.prove(model, ::proved)
        assertEquals(listOf(model), ModelStore(File(root, "store")).promoted())  // a new start
        assertEquals("model", store.open(model).name)
    }

    @Test
    fun `only what the manifest lists is kept`() {
        val folder = brought()
        File(folder, "stray.sh").writeText("rm")
        val kept = store.open(store.takeIn(folder)).folder.walkTopDown().filter { it.isFile }
        val names = setOf("00.ppm", "labels.txt", "manifest.json", "model.means")
        assertEquals(names, kept.map { it.name }.toSet())
    }

    @Test
    fun `one changed byte, a file too few and a foreign name are refused, and leave nothing`() {
        val damaged = brought("damaged")
        File(damaged, "model.means").writeText("the modem")
        val short = brought("short")
        File(short, "labels.txt").delete()
        for (folder in listOf(damaged, short, File(root, "nothing").apply { mkdirs() })) {
            assertThrows(NotUsable::class.java) { store.takeIn(folder) }
        }
        val hidden = File(root, "inbox/.hidden").apply { brought("plain").copyRecursively(this) }
        assertThrows(NotUsable::class.java) { store.takeIn(hidden) }
        assertEquals(emptyList<StoredModel>(), store.promoted())
        assertTrue(File(root, "store").walkTopDown().none { it.isFile })
    }

    @Test
    fun `what computes something else is not promoted, and the last good one stays`() {
        val good = promoted(brought())
        val next = store.takeIn(brought(decibels = 41))
        val error = assertThrows(NotUsable::class.java) {
            store.prove(next) { listOf(VerifiedImage("golden/00.ppm", 3.0, passed = false)) }
        }
        val why = "model is not promoted: 1 of 1 golden images are under the floor"
        assertEquals(why, error.message)
        assertEquals(listOf(good), store.promoted())
        val crashed = store.takeIn(brought(decibels = 42))
        assertThrows(NotUsable::class.java) { store.prove(crashed) { error("no such kernel") } }
        assertEquals(listOf(good), store.promoted())
    }

    @Test
    fun `a promoted model can be taken back, to the one before it`() {
        val first = promoted(brought())
        val second = promoted(brought(decibels = 41))
        assertEquals(listOf(second), store.promoted())
        assertEquals(first, store.rollBack(second))
        assertEquals(listOf(first), store.promoted())
        assertNull(store.rollBack(first))
    }

    @Test
    fun `a promoted model whose files were damaged gives way to the one before it`() {
        val first = promoted(brought())
        val second = promoted(brought(decibels = 41))
        store.open(second).modelFile.writeText("damaged")
        assertEquals(listOf(first), store.promoted())
    }

    @Test
    fun `after an update of the system what was promoted is proved again`() {
        val first = promoted(brought())
        promoted(brought(decibels = 41))
        assertEquals(emptyList<Refused>(), store.recover("build 1", ::proved))
        assertEquals(emptyList<Refused>(), store.recover("build 1") { error("not asked") })
        val found = store.recover("build 2") { artifact ->
            listOf(VerifiedImage("golden/00.ppm", null, artifact.manifest.sqnrDb == 40.5))
        }
        val why = "model is not promoted: 1 of 1 golden images are under the floor"
        assertEquals(listOf(Refused("model", why)), found)
        assertEquals(listOf(first), store.promoted())
        store.recover("build 3") { error("no such kernel") }
        assertEquals(emptyList<StoredModel>(), store.promoted())
    }

    @Test
    fun `a model whose proof ended the app is gone at the next start`() {
        val good = promoted(brought())
        store.recover("build 1", ::proved)
        val deadly = store.takeIn(brought(decibels = 41))
        File(root, "store/model/proving").writeText(deadly.manifestSha256)  // as a crash leaves it
        val found = store.recover("build 1") { error("not asked") }
        assertEquals(listOf(Refused("model", "model is not promoted: it ended the app")), found)
        assertEquals(listOf(good), store.promoted())
        assertFalse(File(root, "store/model/${deadly.manifestSha256}").exists())
        assertEquals(emptyList<Refused>(), store.recover("build 1", ::proved))
    }

    @Test
    fun `two are kept of each name`() {
        val models = (40..43).map { promoted(brought(decibels = it)) }
        val kept = File(root, "store/model").listFiles().orEmpty().filter { it.isDirectory }
        val latest = models.takeLast(2).map { it.manifestSha256 }
        assertEquals(latest.toSet(), kept.map { it.name }.toSet())
    }

    private val key = ProductKey("a".repeat(64), "build 1", "phone", "LiteRT 2.2.0 gpu fp16")

    @Test
    fun `a product is of a file, a system, a device and a runtime`() {
        val keys = listOf(
            key, key.copy(manifestSha256 = "b".repeat(64)), key.copy(osBuild = "build 2"),
            key.copy(device = "tablet"), key.copy(made = "LiteRT 2.2.0 gpu fp32"),
        )
        assertEquals(5, keys.map { it.digest }.distinct().size)
        assertEquals(key.digest, key.copy().digest)
    }

    @Test
    fun `a product that cannot be loaded is made anew, once`() {
        val cache = ProductCache(File(root, "products"), 1000)
        var loads = 0
        fun load(folder: File): String {
            loads++
            val file = File(folder, "program")
            if (file.isFile) return file.readText().also { check(it == "good") { "damaged" } }
            return "good".also(file::writeText)
        }
        assertFalse(cache.has(key))
        assertEquals("good", cache.loaded(key, ::load))
        assertTrue(cache.has(key) && cache.bytes(key) == 4L)
        File(cache.folder(key), "program").writeText("bad")
        assertEquals("good", cache.loaded(key, ::load))
        assertEquals(3, loads)
        // What fails without a product fails: there is nothing to repair.
        val other = key.copy(osBuild = "build 2")
        assertThrows(IllegalStateException::class.java) { cache.loaded(other) { error("no") } }
        assertFalse(cache.has(other))
    }

    @Test
    fun `what was used least lately goes first, and never what is in use`() {
        val cache = ProductCache(File(root, "products"), 1000)
        val keys = (1..4).map { key.copy(osBuild = "build $it") }
        keys.forEachIndexed { index, one ->
            File(cache.folder(one), "program").writeBytes(ByteArray(400))
            File(root, "products/${one.digest}").setLastModified(1_000_000L * (index + 1))
        }
        cache.evict(kept = keys[0])
        assertEquals(listOf(true, false, false, true), keys.map(cache::has))
    }
}

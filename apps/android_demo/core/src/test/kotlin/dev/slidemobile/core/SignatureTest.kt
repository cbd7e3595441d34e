package dev.slidemobile.core

import java.io.File
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** Signatures by the real model-signing, and forged ones: apps/conformance/signature_vectors.py. */
class SignatureTest {
    @TempDir lateinit var root: File

    @Test
    fun `a folder is authentic, unsigned, unchecked or forged as the vectors say`() {
        for (case in Conformance.cases("signatures.json", "cases")) {
            val found = try {
                when (val provenance = keys(case).vouch(folder(case))) {
                    is Provenance.Authentic -> "authentic" to null
                    Provenance.Unsigned -> "unsigned" to null
                    Provenance.Unchecked -> "unchecked" to null
                }
            } catch (error: NotUsable) {
                "forged" to error.message?.removePrefix("forged: ")
            }
            assertEquals(case.text("status") to case["reason"], found, case.text("name"))
        }
    }

    @Test
    fun `a key is named as model-signing names it`() {
        val case = case("prime256v1")
        val signature = Json.read(case.text("signature").toByteArray()).fields()
        val material = signature["verificationMaterial"].fields()["publicKey"].fields()
        val found = keys(case).vouch(folder(case))
        assertEquals(Provenance.Authentic(material.text("hint")), found)
    }

    @Test
    fun `a digest that is known already is not computed again, and still compared`() {
        val case = case("prime256v1")
        val error = assertThrows(NotUsable::class.java) {
            keys(case).vouch(folder(case), mapOf("labels.txt" to "0".repeat(64)))
        }
        assertEquals("forged: labels.txt was changed", error.message)
    }

    @Test
    fun `what is no public key of a known curve is refused`() {
        val begin = "-----BEGIN PUBLIC KEY-----"
        val end = "-----END PUBLIC KEY-----"
        val rsa = "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf9Cnzj4p4WG" +
            "eKLs1Pt8QuKUpRKfFLfRYC9AIKjbJTWit+CqvjWYzvQwECAwEAAQ=="
        val inside = listOf("", "\n!!\n", "\nAAAA\n", "\n$rsa\n")
        for (pem in listOf("", "keys") + inside.map { begin + it + end }) {
            assertThrows(NotUsable::class.java, { TrustedKeys.parse(pem) }, pem)
        }
    }

    @Test
    fun `a stored model keeps its signature`() {
        val inbox = writeArtifact(File(root, "inbox"), "model")
        File(inbox, "model.sig").writeText("{}")
        File(inbox, "bom.cdx.json").writeText("{}")
        val open = ModelStore(File(root, "open"))
        assertEquals(Provenance.Unchecked, open.open(open.takeIn(inbox)).provenance)
        val strict = ModelStore(File(root, "strict"), keys(case("prime256v1")))
        val error = assertThrows(NotUsable::class.java) { strict.takeIn(inbox) }
        assertEquals("forged: the signature is damaged", error.message)
        File(inbox, "model.sig").delete()
        assertEquals(Provenance.Unsigned, strict.open(strict.takeIn(inbox)).provenance)
    }

    @Test
    fun `embedded keys hold for the embedded artifacts`() {
        writeArtifact(root, "model")
        writeIndex(root, "model")
        File(root, "model/model.sig").writeText("{}")
        val backends = listOf(MeansBackend())
        assertEquals(1, ArtifactIndex.list(root, backends).count { it is Entry.Usable })
        File(root, TrustedKeys.FILE).writeText(case("prime256v1").texts("keys").joinToString("\n"))
        val found = ArtifactIndex.list(root, backends).single()
        assertEquals(Entry.NotUsable("model", "forged: the signature is damaged"), found)
    }

    private fun case(name: String) =
        Conformance.cases("signatures.json", "cases").single { it.text("name") == name }

    private fun keys(case: Map<String, Any?>): TrustedKeys {
        val keys = case.texts("keys")
        return if (keys.isEmpty()) TrustedKeys.NONE else TrustedKeys.parse(keys.joinToString("\n"))
    }

    private fun folder(case: Map<String, Any?>): File {
        val folder = File(root, case.text("name"))
        for ((name, text) in case.getValue("files").fields()) {
            File(folder, name).apply { parentFile.mkdirs() }.writeText(text as String)
        }
        case["signature"]?.let { File(folder, "model.sig").writeText(it as String) }
        return folder
    }
}

package dev.slidemobile.core

import java.io.File
import java.io.IOException
import java.security.GeneralSecurityException
import java.security.KeyFactory
import java.security.Signature
import java.security.interfaces.ECPublicKey
import java.security.spec.X509EncodedKeySpec
import java.util.Base64

/** Who vouches for an artifact that can be used. One whose signature is wrong cannot. */
sealed interface Provenance {
    /** The owner of a trusted key signed exactly these files; [key] is its fingerprint. */
    data class Authentic(val key: String) : Provenance

    data object Unsigned : Provenance

    /** There is a signature, and the app trusts no key: nobody knows whose it is. */
    data object Unchecked : Provenance
}

/** The keys an app trusts; `slide-mobile embed --require-signature` puts them beside the index. */
class TrustedKeys private constructor(private val keys: List<TrustedKey>) {
    /**
     * Checks the signature of a folder, which must list every other file in it. [known] are digests
     * of files that were verified already, by name. Throws [NotUsable] if it is forged.
     */
    fun vouch(folder: File, known: Map<String, String> = emptyMap()): Provenance {
        val file = File(folder, ModelSignature.FILE)
        if (!file.exists()) return Provenance.Unsigned
        if (keys.isEmpty()) return Provenance.Unchecked
        try {
            val signature = ModelSignature.read(file)
            val signer = signer(signature)
            requireExactly(signature.files(), folder, known)
            return Provenance.Authentic(signer.fingerprint)
        } catch (error: Forged) {
            throw NotUsable("forged: ${error.message}")
        } catch (error: IOException) {
            throw NotUsable("forged: a signed file cannot be read: ${error.message}")
        }
    }

    private fun signer(signature: ModelSignature): TrustedKey =
        keys.firstOrNull { it.hasSigned(signature.message, signature.bytes) }
            ?: if (keys.any { it.fingerprint == signature.keyHint }) {
                throw Forged("the signature was changed after it was made")
            } else {
                throw Forged("the signature was made with another key")
            }

    private fun requireExactly(
        signed: Map<String, String>, folder: File, known: Map<String, String>,
    ) {
        val there = folder.walkTopDown().filterNot { it.isDirectory }
            .map { it.relativeTo(folder).invariantSeparatorsPath }
            .filter { it != ModelSignature.FILE }.toSortedSet()
        (there - signed.keys).firstOrNull()?.let { throw Forged("$it was added") }
        (signed.keys - there).firstOrNull()?.let { throw Forged("$it is missing") }
        for ((name, digest) in signed) {
            val found = known[name] ?: sha256(File(folder, name))
            if (found != digest) throw Forged("$name was changed")
        }
    }

    companion object {
        /** Beside [ArtifactIndex.FILE]: public keys in PEM, one after the other. */
        const val FILE = "trusted.pem"
        val NONE = TrustedKeys(emptyList())
        private val PEM = Regex("-----BEGIN PUBLIC KEY-----([^-]+)-----END PUBLIC KEY-----")

        /** The keys in the folder with the index; none if it has no file of them. */
        fun beside(index: File): TrustedKeys {
            val file = File(index, FILE)
            return if (file.isFile) parse(file.readText()) else NONE
        }

        /** Reads public keys in PEM: P-256, P-384 or P-521; throws [NotUsable] for any other. */
        fun parse(pem: String): TrustedKeys {
            val keys = PEM.findAll(pem).map { TrustedKey.of(it.groupValues[1]) }.toList()
            if (keys.isEmpty()) throw NotUsable("$FILE has no public key in PEM")
            return TrustedKeys(keys)
        }
    }
}

/** A public key, and the hash that goes with its curve. */
private class TrustedKey(private val key: ECPublicKey, private val algorithm: String) {
    /** As model-signing names a key: the sha256 of its PEM. */
    val fingerprint: String = run {
        val lines = LINES.encodeToString(key.encoded)
        sha256("-----BEGIN PUBLIC KEY-----\n$lines\n-----END PUBLIC KEY-----\n".toByteArray())
    }

    fun hasSigned(message: ByteArray, signature: ByteArray): Boolean = try {
        Signature.getInstance(algorithm).run {
            initVerify(key)
            update(message)
            verify(signature)
        }
    } catch (_: GeneralSecurityException) {
        false  // the bytes are no signature at all
    }

    companion object {
        private val LINES = Base64.getMimeEncoder(64, byteArrayOf('\n'.code.toByte()))

        fun of(base64: String): TrustedKey = try {
            val encoded = X509EncodedKeySpec(Base64.getMimeDecoder().decode(base64))
            val key = KeyFactory.getInstance("EC").generatePublic(encoded) as ECPublicKey
            TrustedKey(key, algorithm(key.params.order.bitLength()))
        } catch (_: GeneralSecurityException) {
            throw NotUsable("${TrustedKeys.FILE} has a key that is not of a curve")
        } catch (_: IllegalArgumentException) {
            throw NotUsable("${TrustedKeys.FILE} has a key that is damaged")
        }

        private fun algorithm(bits: Int): String = when (bits) {
            256 -> "SHA256withECDSA"
            384 -> "SHA384withECDSA"
            521 -> "SHA512withECDSA"
            else -> throw NotUsable("${TrustedKeys.FILE} has a key of $bits bits: use P-256")
        }
    }
}

package dev.slidemobile.core

import java.io.File
import java.util.Base64

/** Why a signature does not vouch for its folder. */
internal class Forged(message: String) : Exception(message)

/**
 * `model.sig`, as OpenSSF Model Signing 1.1 writes it: a Sigstore bundle with a DSSE envelope. Its
 * in-toto statement lists the sha256 of every other file of the folder. [bytes] sign [message];
 * [keyHint] says which key did, and proves nothing.
 */
internal class ModelSignature private constructor(
    val bytes: ByteArray, private val payload: ByteArray, val keyHint: String?,
) {
    /** What was signed: DSSE's pre-authentication encoding of the payload. */
    val message: ByteArray
        get() {
            val head = "DSSEv1 ${PAYLOAD_TYPE.length} $PAYLOAD_TYPE ${payload.size} "
            return head.toByteArray() + payload
        }

    /** The sha256 of each signed file, by name; call it once the signature is known to be good. */
    fun files(): Map<String, String> = undamaged {
        val statement = Fields(Json.read(payload), FILE)
        val predicate = statement.of("predicate")
        val serialization = predicate.of("serialization")
        val isOurs = statement.text("_type") == "https://in-toto.io/Statement/v1" &&
            statement.text("predicateType") == "https://model_signing/signature/v1.0" &&
            serialization.text("method") == "files" && serialization.text("hash_type") == "sha256"
        if (!isOurs) throw Forged("the signature is of a kind that this app does not know")
        val resources = predicate.list("resources")
        val files = resources.associate { it.text("name") to it.matching("digest", SHA256) }
        if (files.size < resources.size) throw Forged("the signature lists a file twice")
        files
    }

    companion object {
        const val FILE = "model.sig"
        private const val MOST_BYTES = 1L shl 23  // lists 10,000 files
        private const val PAYLOAD_TYPE = "application/vnd.in-toto+json"
        private val SHA256 = Regex("[0-9a-f]{64}")

        /** Reads a file of at most 8 MiB; throws [Forged]. */
        fun read(file: File): ModelSignature = undamaged {
            if (!file.isFile || file.length() > MOST_BYTES) throw Forged("the signature is damaged")
            val bundle = Fields(Json.read(file.readBytes()), FILE)
            val envelope = bundle.of("dsseEnvelope")
            val signatures = envelope.list("signatures")
            if (envelope.text("payloadType") != PAYLOAD_TYPE || signatures.size != 1) {
                throw Forged("the signature is of a kind that this app does not know")
            }
            val material = bundle.of("verificationMaterial")
            ModelSignature(
                bytes = Base64.getDecoder().decode(signatures.single().text("sig")),
                payload = Base64.getDecoder().decode(envelope.text("payload")),
                keyHint = material.of("publicKey").textIfAny("hint"),
            )
        }

        private fun <T> undamaged(read: () -> T): T = try {
            read()
        } catch (_: JsonError) {
            throw Forged("the signature is damaged")
        } catch (_: NotUsable) {
            throw Forged("the signature is damaged")
        } catch (_: IllegalArgumentException) {
            throw Forged("the signature is damaged")  // not base64
        }
    }
}

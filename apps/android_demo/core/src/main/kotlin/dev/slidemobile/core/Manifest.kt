package dev.slidemobile.core

/** The input tensor: raw RGB in 0..255, the normalisation is inside the model. */
data class InputSpec(val shape: List<Int>, val layout: Layout, val type: ElementType) {
    enum class Layout { NHWC, NCHW }

    val height: Int get() = if (layout == Layout.NHWC) shape[1] else shape[2]
    val width: Int get() = if (layout == Layout.NHWC) shape[2] else shape[3]
    val elements: Int get() = shape.fold(1, Int::times)
    val bytes: Int get() = elements * type.bytes
}

enum class ElementType(val bytes: Int) { FLOAT32(4), FLOAT16(2), UINT8(1) }

data class OutputSpec(val name: String, val shape: List<Int>, val type: ElementType)

/** An image of the parity capsule; [logits] are PyTorch's, null for a model without classes. */
data class Golden(
    val file: String,
    val sha256: String,
    val label: String?,
    val logits: DoubleArray?,
)

/** What the app needs of an artifact's manifest.json (slide_mobile/manifest.schema.json). */
data class Manifest(
    val model: String,
    val numClasses: Int,
    val task: String,
    val target: String,
    val precision: String,
    val backend: String,
    val file: String,
    val fileSha256: String,
    val sizeBytes: Long,
    val labelsSha256: String?,
    val input: InputSpec,
    val outputs: List<OutputSpec>,
    val partitions: Int,
    val delegatedOps: Int,
    val totalOps: Int,
    val sqnrDb: Double,
    val minSqnrDb: Double,
    val golden: List<Golden>,
    val manifestSha256: String,
) {
    val isClassifier: Boolean get() = task == CLASSIFY

    companion object {
        const val SCHEMA_VERSION = 4
        private const val CLASSIFY = "classify"
        private val TASKS = setOf(CLASSIFY, "features")
        private val SHA256 = Regex("[0-9a-f]{64}")

        // Also what keeps a manifest from naming files outside its folder.
        private val MODEL_FILE = Regex("model\\.[a-z]+")
        private val GOLDEN_FILE = Regex("golden/[0-9]+\\.png")

        /** Throws [NotUsable] with what is wrong. */
        fun parse(text: String): Manifest {
            val document = try {
                Json.parse(text)
            } catch (error: JsonError) {
                throw NotUsable("manifest.json is not JSON: ${error.message}")
            }
            val fields = Fields(document, "the manifest")
            val version = fields.int("schema_version")
            if (version != SCHEMA_VERSION) {
                val isNewer = version > SCHEMA_VERSION
                val remedy = if (isNewer) "update the app" else "convert the model again"
                throw NotUsable("manifest schema $version is not $SCHEMA_VERSION: $remedy")
            }
            val seal = fields.matching("manifest_sha256", SHA256)
            val rest = (document as Json.Object).fields - "manifest_sha256"
            if (sha256(Json.Object(rest).canonical().toByteArray()) != seal) {
                throw NotUsable("the manifest was changed after it was certified")
            }
            return read(fields, seal).also(::requireConsistent)
        }

        private fun read(fields: Fields, seal: String): Manifest {
            val model = fields.of("model")
            val graph = fields.of("graph")
            val parity = fields.of("parity")
            return Manifest(
                model = model.text("name"),
                numClasses = model.int("num_classes", minimum = 1),
                task = fields.text("task"),
                target = fields.text("target"),
                precision = fields.text("precision"),
                backend = fields.text("backend"),
                file = fields.matching("file", MODEL_FILE),
                fileSha256 = fields.matching("file_sha256", SHA256),
                sizeBytes = fields.long("size_bytes"),
                labelsSha256 = fields.textOrNull("labels_sha256"),
                input = input(fields.of("input")),
                outputs = fields.list("outputs").map(::output),
                partitions = graph.int("partitions"),
                delegatedOps = graph.int("delegated_ops"),
                totalOps = graph.int("total_ops"),
                sqnrDb = parity.double("sqnr_db"),
                minSqnrDb = parity.double("min_sqnr_db"),
                golden = fields.list("golden").map(::golden),
                manifestSha256 = seal,
            )
        }

        private fun input(fields: Fields) = InputSpec(
            shape = fields.shape("shape"),
            layout = fields.oneOf("layout", InputSpec.Layout.values()),
            type = fields.oneOf("dtype", ElementType.values()),
        ).also { input ->
            val shape = input.shape
            val channels = shape.getOrNull(if (input.layout == InputSpec.Layout.NHWC) 3 else 1)
            if (shape.size != 4 || shape[0] != 1 || channels != Picture.CHANNELS) {
                throw NotUsable("the manifest is damaged: input $shape is not of one RGB image")
            }
        }

        private fun output(fields: Fields) = OutputSpec(
            name = fields.text("name"),
            shape = fields.shape("shape"),
            type = fields.oneOf("dtype", ElementType.values()),
        )

        private fun golden(fields: Fields) = Golden(
            file = fields.matching("file", GOLDEN_FILE),
            sha256 = fields.matching("sha256", SHA256),
            label = fields.textOrNull("label"),
            logits = fields.doublesOrNull("logits"),
        )

        private fun requireConsistent(manifest: Manifest) {
            val problem = when {
                manifest.task !in TASKS -> "task '${manifest.task}' is not one of $TASKS"
                manifest.golden.isEmpty() -> "it has no golden images"
                manifest.outputs.isEmpty() -> "it has no outputs"
                !manifest.isClassifier -> null
                manifest.labelsSha256 == null -> "a classifier has labels"
                manifest.golden.any { it.logits?.size != manifest.numClasses } ->
                    "golden logits are not one a class"
                else -> null
            }
            if (problem != null) throw NotUsable("the manifest is damaged: $problem")
        }
    }
}

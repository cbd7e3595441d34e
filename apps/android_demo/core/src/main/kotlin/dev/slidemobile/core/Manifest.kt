package dev.slidemobile.core

/** The input tensor: raw RGB in 0..255, the normalization is inside the model. */
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
data class Golden(val file: String, val label: String?, val logits: DoubleArray?)

/** What the app needs of an artifact's manifest.json (slide_mobile/artifact/manifest.py). */
data class Manifest(
    val model: String,
    val numClasses: Int?,  // only of a classifier, or of one without its head
    val task: String,
    val target: String,
    val precision: String,
    val backend: String,
    val file: String,
    val sizeBytes: Long,
    /** The sha256 of every file of the folder but manifest.json, by its path in the folder. */
    val files: Map<String, String>,
    val input: InputSpec,
    val outputs: List<OutputSpec>,
    val partitions: Int,
    val delegatedOps: Int,
    val totalOps: Int,
    /** The oldest release of its runtime that runs the file; null if that is not known. */
    val minRuntime: String?,
    val sqnrDb: Double,
    val minSqnrDb: Double,
    val golden: List<Golden>,
) {
    val isClassifier: Boolean get() = task == CLASSIFY

    companion object {
        const val SCHEMA_VERSION = 5
        const val LABELS = "labels.txt"
        private const val CLASSIFY = "classify"
        private const val MAX_GOLDEN = 64
        private const val MAX_SIDE = 1 shl 14
        private const val MAX_CLASSES = 100_000
        private val TASKS = setOf(CLASSIFY, "features", "own")
        private val SHA256 = Regex("[0-9a-f]{64}")
        private val DECIBELS = -200.0..200.0
        private val MODEL_FILE = Regex("model\\.[a-z]+")

        /** Names from a file become paths: none may leave the folder. */
        internal val PATH = Regex("[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")

        /** Reads the bytes of manifest.json; throws [NotUsable] with what is wrong. */
        fun parse(bytes: ByteArray): Manifest {
            val document = try {
                Json.read(bytes)
            } catch (error: JsonError) {
                throw NotUsable("the manifest ${error.message}")
            }
            val fields = Fields(document, "the manifest")
            val version = fields.int("schema_version")
            if (version != SCHEMA_VERSION) {
                val isNewer = version > SCHEMA_VERSION
                val remedy = if (isNewer) "update the app" else "convert the model again"
                throw NotUsable("manifest schema $version is not $SCHEMA_VERSION: $remedy")
            }
            return read(fields).also(::requireConsistent)
        }

        private fun read(fields: Fields): Manifest {
            val model = fields.of("model")
            val graph = fields.of("graph")
            val parity = fields.of("parity")
            return Manifest(
                model = model.text("name"),
                numClasses = model.intOrNull("num_classes", minimum = 1),
                task = fields.text("task"),
                target = fields.text("target"),
                precision = fields.text("precision"),
                backend = fields.text("backend"),
                file = fields.matching("file", MODEL_FILE),
                sizeBytes = fields.long("size_bytes"),
                files = fields.texts("files", PATH, SHA256),
                input = input(fields.of("input")),
                outputs = fields.list("outputs").map(::output),
                partitions = graph.int("partitions"),
                delegatedOps = graph.int("delegated_ops"),
                totalOps = graph.int("total_ops"),
                minRuntime = graph.textIfAny("min_runtime"),
                sqnrDb = parity.double("sqnr_db", DECIBELS),
                minSqnrDb = parity.double("min_sqnr_db", DECIBELS),
                golden = fields.list("golden").map(::golden),
            )
        }

        private fun input(fields: Fields) = InputSpec(
            shape = fields.shape("shape", MAX_SIDE),
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
            shape = fields.shape("shape", MAX_CLASSES),
            type = fields.oneOf("dtype", ElementType.values()),
        )

        private fun golden(fields: Fields) = Golden(
            file = fields.text("file"),
            label = fields.textOrNull("label"),
            logits = fields.doublesOrNull("logits"),
        )

        private fun requireConsistent(manifest: Manifest) {
            val problem = when {
                manifest.task !in TASKS -> "task '${manifest.task}' is not one of $TASKS"
                manifest.golden.isEmpty() -> "it has no golden images"
                manifest.golden.size > MAX_GOLDEN -> "it has too many golden images"
                manifest.golden.any { it.file !in manifest.files } ->
                    "a golden image has no sha256"
                manifest.files.keys.none { it.substringBefore('/') == manifest.file } ->
                    "${manifest.file} has no sha256"
                manifest.outputs.isEmpty() -> "it has no outputs"
                !manifest.isClassifier -> null
                LABELS !in manifest.files -> "a classifier has labels"
                manifest.golden.any { it.logits?.size != manifest.numClasses } ->
                    "golden logits are not one a class"
                else -> null
            }
            if (problem != null) throw NotUsable("the manifest is damaged: $problem")
        }
    }
}

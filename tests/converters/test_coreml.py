"""Core ML packages of a model with random weights: what is in them, and what they compute."""

import dataclasses
import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import coremltools
import coremltools.optimize.coreml as cto
import numpy as np
import pytest
import torch
from torch import nn

import mil_evaluator
from slide_mobile import models, recipes
from slide_mobile.artifact.folder import digest
from slide_mobile.deploy.export import export
from slide_mobile.deploy.rewriting import deploy
from slide_mobile.errors import ArtifactError
from slide_mobile.parity import layerwise
from slide_mobile.parity.metrics import sqnr_db
from slide_mobile.preprocess import IMAGENET, normalize, planar
from slide_mobile.targets.converter import Request
from slide_mobile.targets.quiet import quiet
from slide_mobile_converters import coreml
from slide_mobile_converters.coreml import reading

pytestmark = pytest.mark.slow

MODEL, SIZE = "slide_swin_test", (64, 96)
LABELS = ("ant", "bee", "cat", "dog", "emu")
IMAGES = np.random.default_rng(0).integers(0, 256, (6, *SIZE, 3), dtype=np.uint8)
# Measured 130.6, 64.9, 35.9 and 16.6 dB against the published form.
FLOORS_DB = {"fp32": 115, "fp16": 58, "int8": 30, "palette4": 13}
FP16_BYTES = 1_005_000  # of this model; the others are shares of it
MODULES = 35
FP32_MODULE_DB = 110


@dataclasses.dataclass(frozen=True, kw_only=True)
class Made:
    """The model, its program, and its packages by precision."""

    reference: nn.Module
    deployed: nn.Module
    program: Any
    packages: dict[str, Path]

    def expected(self) -> np.ndarray:
        with torch.no_grad():
            return self.reference(torch.from_numpy(normalize(IMAGES, IMAGENET))).numpy()


def request_for(precision: str) -> Request:
    recipe = recipes.lookup(precision)
    return Request(
        recipe=recipe,
        backend="mlprogram",
        via="coremltools",
        labels=LABELS,
        title=MODEL,
        description="random weights; takes RGB in 0..255",
        version="1.2.3",
        facts={"model": MODEL, "precision": precision, "mean": "0.485,0.456,0.406"},
        calibration=tuple(IMAGES[:4]) if recipe.needs_calibration else (),
    )


def randomised(module: nn.Module) -> nn.Module:
    """Every parameter away from its default: ones and zeros make wrong folds look right."""
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            spread = 0.3 if parameter.ndim == 1 else 0.1
            parameter.add_(torch.randn(parameter.shape, generator=draw) * spread)
    return module.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    reference = randomised(models.create(MODEL))
    deployed = deploy(reference, layout="NCHW")
    program = export(deployed, SIZE, "NCHW")
    folder = tmp_path_factory.mktemp("coreml")
    packages = {precision: folder / f"{precision}.mlpackage" for precision in FLOORS_DB}
    for precision, path in packages.items():
        coreml.convert(program, request_for(precision), path)
    return Made(reference=reference, deployed=deployed, program=program, packages=packages)


@pytest.mark.parametrize("precision", FLOORS_DB)
def test_the_logits_are_pytorchs(precision: str, made: Made) -> None:
    run = coreml.runner(made.packages[precision])
    found = np.stack([run(image) for image in IMAGES])
    assert found.shape == (6, 5) and found.dtype == np.float32
    assert sqnr_db(made.expected(), found) > FLOORS_DB[precision]


def test_the_package_is_a_classifier_for_ios_17(made: Made) -> None:
    spec = reading.specification(made.packages["fp16"])
    description = spec.description
    (image,) = description.input
    assert spec.specificationVersion == 8
    assert (image.name, image.type.imageType.height, image.type.imageType.width) == ("image", *SIZE)
    assert image.type.imageType.colorSpace == image.type.imageType.ColorSpace.Value("RGB")
    outputs = {feature.name: feature.type for feature in description.output}
    assert outputs.keys() == {"classLabel", "classLabel_probs", "logits"}
    assert outputs["classLabel"].WhichOneof("Type") == "stringType"
    assert outputs["classLabel_probs"].dictionaryType.WhichOneof("KeyType") == "stringKeyType"
    logits = outputs["logits"].multiArrayType
    assert list(logits.shape) == [1, 5] and logits.dataType == logits.ArrayDataType.Value("FLOAT32")
    assert description.predictedFeatureName == "classLabel"
    assert description.predictedProbabilitiesName == "classLabel_probs"
    assert all(feature.shortDescription for feature in (*description.input, *description.output))


def test_label_and_probabilities_follow_from_the_logits(made: Made) -> None:
    program = reading.program(made.packages["fp32"])
    assert program.labels == LABELS
    outputs = program.run({"image": planar(IMAGES[0])})
    logits = torch.from_numpy(outputs["logits"][0])
    np.testing.assert_allclose(
        outputs["classLabel_probs"].ravel(), torch.softmax(logits, 0).numpy(), rtol=1e-5
    )
    assert str(outputs["classLabel"]) == LABELS[int(logits.argmax())]


def test_the_metadata_is_the_requests(made: Made) -> None:
    metadata = reading.specification(made.packages["int8"]).description.metadata
    assert (metadata.author, metadata.license) == ("slide-mobile", "Apache-2.0")
    assert metadata.versionString == "1.2.3" and "random weights" in metadata.shortDescription
    own = dict(metadata.userDefined)
    assert request_for("int8").facts.items() <= own.items()
    assert own["com.apple.coreml.model.preview.type"] == "imageClassifier"
    assert not any("date" in key for key in own)


def test_the_same_inputs_give_the_same_bytes_in_silence(
    made: Made, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    reading.program(made.packages["int8"])  # moves coremltools' counter of names on
    again = tmp_path / "again.mlpackage"
    coreml.convert(made.program, request_for("fp16"), again)
    assert capfd.readouterr() == ("", "")
    assert logging.root.manager.disable == logging.NOTSET
    assert digest(again) == digest(made.packages["fp16"])
    files = sorted(str(p.relative_to(again)) for p in again.rglob("*") if p.is_file())
    folder = "Data/com.apple.CoreML"
    assert files == [f"{folder}/model.mlmodel", f"{folder}/weights/weight.bin", "Manifest.json"]


def test_opening_the_package_with_coremltools_leaves_its_bytes(made: Made) -> None:
    path = made.packages["fp32"]
    before = digest(path)
    assert coremltools.utils.load_spec(str(path)) == reading.specification(path)
    assert digest(path) == before


@pytest.mark.parametrize(
    ("compress", "config", "floor_db"),
    [
        (cto.palettize_weights, cto.OpPalettizerConfig(mode="uniform", nbits=6), 20),
        (cto.linear_quantize_weights, cto.OpLinearQuantizerConfig(mode="linear_symmetric"), 25),
    ],
)
def test_coremltools_own_tools_take_the_package(
    compress: Callable[..., Any], config: Any, floor_db: float, made: Made, tmp_path: Path
) -> None:
    with quiet():
        opened = coremltools.models.MLModel(str(made.packages["fp16"]), skip_model_load=True)
        smaller = compress(opened, cto.OptimizationConfig(global_config=config))
        smaller.save(str(tmp_path / "smaller.mlpackage"))
    program = reading.program(tmp_path / "smaller.mlpackage")
    found = np.concatenate([program.run({"image": planar(x)})["logits"] for x in IMAGES])
    assert program.labels == LABELS
    assert sqnr_db(made.expected(), found) > floor_db


def test_files_shrink_with_the_format(made: Made) -> None:
    size = {
        precision: sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
        for precision, path in made.packages.items()
    }
    assert size["fp16"] == pytest.approx(FP16_BYTES, rel=0.1)
    assert size["fp16"] < 0.65 * size["fp32"]
    assert size["palette4"] < size["int8"] < size["fp16"]


def test_int8_is_around_the_thick_layers_and_nowhere_else(made: Made) -> None:
    program = reading.program(made.packages["int8"])
    producers = {name: op.type for op in program.operations for name in op.outputs}
    modules, quantised = reading.modules(made.packages["int8"]), set()
    for op in program.operations:
        weights = producers.get(op.inputs.get("weight"))
        if weights == "constexpr_affine_dequantize":
            assert producers[op.inputs["x"]] == "dequantize"
            quantised.add(modules[op.outputs[0]])
            # What leaves goes into the next operation in int8 too.
            readers = {
                reader.type for reader in program.operations if op.outputs[0] in reader.reads()
            }
            assert readers == {"quantize"}
    # The patch embedding sees three channels, the head writes five.
    assert quantised == set(modules.values()) - {"patch_embed.proj", "head"}
    assert 0.7 < coreml.inspect(made.packages["int8"]).int8_mac_fraction < 0.8


def test_every_weight_in_palettes_is_one_of_few(made: Made) -> None:
    program = reading.program(made.packages["palette4"])
    palettes = [op for op in program.operations if op.type == "constexpr_lut_to_dense"]
    counts = {len(program.constants[op.outputs[0]].unique()) for op in palettes}
    assert len(palettes) == MODULES - 2 and 4 < min(counts) <= 16 < max(counts) <= 64


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_activations_are_named_after_all_dense_modules(precision: str, made: Made) -> None:
    found = coreml.activations(made.packages[precision], IMAGES[0])
    expected = layerwise.activations(made.deployed, IMAGES[0])
    assert found.keys() == expected.keys() == layerwise.dense(made.deployed).keys()
    assert len(found) == MODULES
    for module, values in found.items():
        assert values.shape == expected[module].shape
        if precision == "fp32":
            assert sqnr_db(expected[module], values) > FP32_MODULE_DB


def test_inspect_states_what_the_file_holds(made: Made) -> None:
    graph = coreml.inspect(made.packages["fp16"])
    assert graph.max_rank == 4 and graph.min_runtime == "iOS 17"
    assert graph.total_ops == sum(graph.ops.values()) and graph.ops["classify"] == 1
    assert graph.partitions == graph.delegated_ops == graph.int8_mac_fraction == 0
    findings = "\n".join(graph.findings)
    assert "nothing is delegated beforehand" in findings and "unofficial" in findings
    assert f"reshape x{graph.ops['reshape']}" in findings and "fp32" not in findings
    assert "flexible" not in findings and "linears" not in findings
    wide = "\n".join(coreml.inspect(made.packages["fp32"]).findings)
    assert "operations compute in fp32, which the Neural Engine cannot do" in wide


def test_the_runtime_says_that_this_was_no_device(made: Made) -> None:
    assert coreml.runner(made.packages["fp16"]).runtime == mil_evaluator.EVALUATED
    assert reading.program(made.packages["fp32"]).declared_precision == "float32"
    assert reading.program(made.packages["palette4"]).declared_precision == "float16"


def missing_weights(path: Path) -> None:
    (path / "Data/com.apple.CoreML/weights/weight.bin").unlink()


def truncated_weights(path: Path) -> None:
    weights = path / "Data/com.apple.CoreML/weights/weight.bin"
    weights.write_bytes(weights.read_bytes()[:1000])


def garbled_specification(path: Path) -> None:
    model = path / "Data/com.apple.CoreML/model.mlmodel"
    model.write_bytes(b"\xff" * 100 + model.read_bytes()[100:])


def no_manifest(path: Path) -> None:
    (path / "Manifest.json").write_text("{}")


@pytest.mark.parametrize(
    "damage", [missing_weights, truncated_weights, garbled_specification, no_manifest]
)
@pytest.mark.parametrize("verb", [coreml.runner, coreml.inspect])
def test_a_damaged_package_is_refused_in_one_line(
    damage: Callable[[Path], None], verb: Callable[[Path], object], made: Made, tmp_path: Path
) -> None:
    path = tmp_path / "damaged.mlpackage"
    shutil.copytree(made.packages["fp16"], path)
    damage(path)
    with pytest.raises(ArtifactError, match="convert the model again") as caught:
        verb(path)
    assert "\n" not in str(caught.value) and "damaged.mlpackage" in str(caught.value)


def test_a_package_of_others_has_no_modules(made: Made, tmp_path: Path) -> None:
    path = tmp_path / "other.mlpackage"
    shutil.copytree(made.packages["fp16"], path)
    spec = reading.specification(path)
    assert len(json.loads(spec.description.metadata.userDefined.pop("modules"))) == MODULES
    (path / "Data/com.apple.CoreML/model.mlmodel").write_bytes(spec.SerializeToString())
    with pytest.raises(ArtifactError, match="does not name its modules"):
        coreml.activations(path, IMAGES[0])

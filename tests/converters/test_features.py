"""Backbones through every target: four named maps, each held to PyTorch's and to the floor.

What depends on no toolchain is tests/pipeline/test_feature_maps.py's, on a converter in memory.
"""

import platform
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from installed import TARGETS
from PIL import Image
from safetensors.torch import save_file

import slide_mobile
from slide_mobile import models, recipes
from slide_mobile.demo.render import render_many
from slide_mobile.errors import UsageError
from slide_mobile.models.layers.backbone import without_head
from slide_mobile.parity.source import CalibrationImages, ModelSource
from slide_mobile.pipeline.artifact import Artifact
from slide_mobile.targets import registry
from slide_mobile.targets.format import Format
from slide_mobile.tasks import STAGES

MODEL = "slide_swin_test"
FAMILIES = [MODEL, "slide_pvt_test", "slide_pvt_v2_test", "slide_cswin_test", "slide_nat_test"]
SIZE = (96, 160)
MAPS = {"stage1": (24, 40), "stage2": (12, 20), "stage3": (6, 10), "stage4": (3, 5)}
CHANNELS = {
    name: (16, 32, 48, 64) if "pvt" in name else (16, 32, 64, 128) for name in FAMILIES
}  # fmt: skip
DELEGATING = {"tflite", "executorch"}
# CI sees each target in fp32; int8 on TFLite, where a map is an output that the next stage reads in
# int8; and int8 on ONNX. `make test-slow` sees all.
FLOATS = [(MODEL, target, "fp32") for target in TARGETS]
OTHERS = [("slide_pvt_v2_test", "tflite", "int8"), (MODEL, "onnx", "int8")]
REST = [
    (name, target, recipe)
    for name in FAMILIES
    for target in TARGETS
    for recipe in next(iter(registry.load(target).BACKENDS.values()))
    if (name, target, recipe) not in FLOATS + OTHERS
]
CASES = [
    *(pytest.param(case, id="-".join(case)) for case in FLOATS + OTHERS),
    *(pytest.param(case, id="-".join(case), marks=pytest.mark.full_size) for case in REST),
]

pytestmark = pytest.mark.slow


class Made(dict[tuple[str, str, str], Artifact]):
    """Artifacts of random weights, norms and biases included, each made when it is asked for."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder, self.photos = folder, folder / "photos"
        self.photos.mkdir()
        pixels, _ = render_many(3, 40, max(SIZE))
        for i, image in enumerate(pixels):
            Image.fromarray(image[: SIZE[0], : SIZE[1]]).save(self.photos / f"{i:02d}.png")

    def weights(self, name: str) -> Path:
        return self.folder / f"{name}.safetensors"

    def __missing__(self, case: tuple[str, str, str]) -> Artifact:
        self[case] = self.convert(*case, out=self.folder)
        return self[case]

    def convert(
        self, name: str, target: str, recipe: str, *, out: Path, **options: Any
    ) -> Artifact:
        return slide_mobile.convert(
            ModelSource(name, input_size=SIZE, checkpoint=self.weights(name)),
            to=Format(target, recipe, task="features", **options),
            calibration=CalibrationImages(self.photos, 8),
            out=out,
        )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("features")
    draw = np.random.default_rng(0)
    for name in FAMILIES:
        tensors = models.create(name).state_dict()
        for tensor in tensors.values():
            if tensor.is_floating_point():
                spread = 0.3 if tensor.ndim == 1 else 0.1
                tensor += spread * torch.from_numpy(draw.standard_normal(tensor.shape)).float()
        save_file(
            {key: x.contiguous() for key, x in tensors.items()}, folder / f"{name}.safetensors"
        )
    return Made(folder)


@pytest.mark.parametrize("case", CASES)
def test_the_folder_states_four_maps_and_each_reaches_the_floor(case, made: Made) -> None:
    art, (name, target, recipe) = made[case], case
    manifest, layout = art.manifest, registry.load(target).LAYOUT
    assert art.root.name == f"{name}-features-{target}-{recipe}"
    assert Artifact.load(art.root) == art
    art.verify()
    assert art.input_size == SIZE
    assert manifest.task == "features"
    assert art.labels == () and not (art.root / "labels.txt").exists()
    sizes = zip(MAPS.values(), CHANNELS[name], strict=True)
    shapes = [(1, h, w, c) if layout == "NHWC" else (1, c, h, w) for (h, w), c in sizes]
    half = target == "executorch" and recipe == "fp16"
    found = [(output.name, output.shape, output.dtype) for output in manifest.outputs]
    assert found == [
        (f"stage{i}", shape, "float16" if half else "float32") for i, shape in enumerate(shapes, 1)
    ]
    assert {output.layout for output in manifest.outputs} == {layout}
    parity, floor = manifest.parity, recipes.lookup(recipe).min_sqnr_db
    assert parity.passed and parity.top1_agreement is parity.min_top1_agreement is None
    assert [output.name for output in parity.outputs] == list(MAPS)
    assert min(output.sqnr_db for output in parity.outputs) == parity.sqnr_db >= floor
    # Nothing of the classifier is left, and nothing of it is counted.
    bare = without_head(models.create(name))
    assert manifest.model.params == sum(p.numel() for p in bare.parameters())
    assert manifest.graph.max_rank <= 4
    assert manifest.graph.partitions == (target in DELEGATING)
    assert manifest.graph.delegated_ops == manifest.graph.total_ops * (target in DELEGATING)
    assert manifest.accuracy is None and len(manifest.golden) == 8
    golden = sum(path.stat().st_size for path in (art.root / "golden").iterdir())
    assert golden < 2e6


@pytest.mark.parametrize("case", CASES)
def test_check_runs_every_map_again_and_names_modules(case, made: Made) -> None:
    name, _, recipe = case
    result = slide_mobile.check(made[case].root, checkpoint=made.weights(name))
    assert result.parity.passed and result.parity.accuracy is None
    assert [output.name for output in result.parity.outputs] == list(MAPS)
    modules = [row.module for row in result.modules]
    assert len(modules) == len(set(modules)) >= 25 and "head" not in modules
    assert min(row.sqnr_db for row in result.modules) > recipes.lookup(recipe).min_sqnr_db - 10


@pytest.mark.parametrize("target", TARGETS)
def test_without_the_checkpoint_the_recorded_maps_stand_for_pytorch(target: str, made) -> None:
    result = slide_mobile.check(made[MODEL, target, "fp32"].root)
    assert result.parity.passed and result.parity.samples == 8 and result.modules == ()
    assert "recorded maps at 64 places" in result.notes[0]


def test_artifacts_of_all_targets_agree_on_every_map(made: Made) -> None:
    found = slide_mobile.compare([made[MODEL, target, "fp32"].root for target in TARGETS])
    assert found.passed and len(found.pairs) == len(TARGETS) * (len(TARGETS) - 1) // 2
    assert min(output.sqnr_db for pair in found.pairs for output in pair.outputs) > 100
    assert found.document().top1_agreement is None


def test_the_tflite_file_names_its_maps_and_carries_no_labels(made: Made) -> None:
    from ai_edge_litert.interpreter import Interpreter

    from slide_mobile_converters.tflite import metadata

    path = made[MODEL, "tflite", "fp32"].model_path
    signatures = Interpreter(str(path)).get_signature_list()
    assert list(signatures) == ["serving_default"]
    assert sorted(signatures["serving_default"]["outputs"]) == list(STAGES)
    with pytest.raises(slide_mobile.UsageError, match=r"has no labels\.txt"):
        metadata.labels(path)


def test_the_pte_names_its_maps_in_order(made: Made) -> None:
    from slide_mobile_converters.executorch import reading

    found = reading.constants(reading.read(made[MODEL, "executorch", "fp32"].model_path))
    assert found["output_names"] == STAGES and "labels" not in found


def test_the_core_ml_package_is_no_classifier(made: Made) -> None:
    from slide_mobile_converters.coreml import reading

    spec = reading.specification(made[MODEL, "coreml", "fp32"].model_path)
    outputs = spec.description.output
    assert [output.name for output in outputs] == list(STAGES)
    assert {output.type.WhichOneof("Type") for output in outputs} == {"multiArrayType"}
    assert list(outputs[1].type.multiArrayType.shape) == [1, 32, 12, 20]
    assert not spec.description.predictedFeatureName
    assert "com.apple.coreml.model.preview.type" not in spec.description.metadata.userDefined


@pytest.mark.parametrize("precision", ["fp16", pytest.param("fp32", marks=pytest.mark.full_size)])
def test_executorchs_core_ml_delegate_gives_the_maps_in_order(
    precision: str, made: Made, tmp_path: Path
) -> None:
    art = made.convert(MODEL, "executorch", precision, backend="coreml", out=tmp_path)
    graph = art.manifest.graph
    assert art.manifest.backend == "coreml" and art.manifest.parity.passed
    assert (graph.partitions, graph.delegated_ops) == (1, graph.total_ops)
    if platform.system() != "Darwin":
        assert "not run on Apple hardware" in art.manifest.parity.runtime
    assert slide_mobile.check(art.root, checkpoint=made.weights(MODEL)).parity.passed


def test_the_second_exporter_of_tflite_is_for_classifiers(made: Made, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--via onnx converts only classifiers, not features"):
        made.convert(MODEL, "tflite", "fp32", via="onnx", out=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.full_size
@pytest.mark.parametrize(
    "name",
    ["slide_swin_tiny", "slide_pvt_tiny", "slide_pvt_v2_b1", "slide_cswin_tiny", "slide_nat_mini"],
)
def test_a_full_size_backbone_of_each_family_at_a_size_of_detection(
    name: str, tmp_path: Path
) -> None:
    art = slide_mobile.convert(
        ModelSource(name, untrained=True, input_size=(256, 448)),
        to=Format("tflite", "fp32", task="features"),
        out=tmp_path,
    )
    assert min(output.sqnr_db for output in art.manifest.parity.outputs) > 100
    assert art.manifest.graph.partitions == 1
    assert sum(path.stat().st_size for path in (art.root / "golden").iterdir()) < 10e6

"""Every target and precision: convert, check, inspect, and what the manifest says about it.

What depends on no toolchain (refusals, damaged folders, missed floors, mixed precision) is tested
on a converter in memory, in tests/pipeline. Damaged model files are each target's own tests.
"""

import hashlib
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from installed import TARGETS
from torch import nn

import slide_mobile
from slide_mobile import models, recipes
from slide_mobile.artifact import golden, manifest
from slide_mobile.artifact.folder import digests
from slide_mobile.artifact.manifest import MANIFEST
from slide_mobile.deploy.export import export
from slide_mobile.deploy.rewriting import deploy
from slide_mobile.pipeline.artifact import Artifact
from slide_mobile.targets import registry
from slide_mobile.targets.converter import Request

MODEL = "slide_swin_test"
FAULTY = "layers.1.blocks.0.mlp.fc2"
CASES = [
    (target, recipe)
    for target in TARGETS
    for recipe in next(iter(registry.load(target).BACKENDS.values()))
]
DELEGATING = {"tflite", "executorch"}
# What test_coreai.py, test_coreml*.py and test_executorch.py try on small networks.
SLOWEST = {
    *(("coreai", name) for name in ("int8-weights", "palette6", "palette4")),
    *(("coreml", name) for name in ("int8-weights", "palette6", "palette4")),
    ("executorch", "int8-dynamic"),
}
MARKED = [
    pytest.param(case, marks=[pytest.mark.full_size] if case in SLOWEST else [], id="-".join(case))
    for case in CASES
]

pytestmark = pytest.mark.slow


def files(path: Path) -> list[Path]:
    """The model file, or all files of a package."""
    return sorted(found for found in (path, *path.rglob("*")) if found.is_file())


@pytest.mark.parametrize("case", MARKED)
def test_the_folder_is_whole_and_certified(case, converted) -> None:
    art, (target, recipe) = converted(*case), case
    manifest = art.manifest
    assert art.root.name == f"{MODEL}-{target}-{recipe}"
    assert Artifact.load(art.root) == art
    art.verify()
    assert (manifest.target, manifest.precision) == case
    assert manifest.model.trained is False and manifest.model.checkpoint_sha256 is None
    assert manifest.model.params == sum(p.numel() for p in models.create(MODEL).parameters())
    half = target == "executorch" and recipe == "fp16"
    (output,) = manifest.outputs
    assert (output.name, output.dtype) == ("logits", "float16" if half else "float32")
    assert manifest.input.range == (0, 255)
    assert manifest.parity.passed and manifest.parity.reference == "pytorch"
    assert manifest.parity.sqnr_db >= recipes.lookup(recipe).goal_sqnr_db - 4
    assert manifest.parity.runtime
    assert manifest.via == next(iter(registry.load(target).EXPORTERS))
    assert manifest.graph.max_rank <= 4
    assert manifest.graph.partitions == (target in DELEGATING)
    assert manifest.graph.delegated_ops == manifest.graph.total_ops * (target in DELEGATING)
    assert (manifest.calibration is not None) == (recipe == "int8")
    assert manifest.float_modules == ()
    assert len(art.labels) == 5 and len(manifest.golden) == 8
    assert manifest.size_bytes == sum(path.stat().st_size for path in files(art.model_path))
    assert registry.load(target).precision(art.model_path) == recipe


@pytest.mark.parametrize("case", MARKED)
def test_check_passes_and_names_modules(case, converted) -> None:
    result = slide_mobile.check(converted(*case).root)
    assert result.parity.passed
    modules = [row.module for row in result.modules]
    assert {"patch_embed.proj", "layers.0.blocks.0.attn.v", "layers.2.blocks.1.attn.proj"} <= set(
        modules
    )
    assert len(modules) == len(set(modules)) >= 25
    # Every module of the file is compared with its own: none is off by more than the format.
    assert min(row.sqnr_db for row in result.modules) > recipes.lookup(case[1]).min_sqnr_db - 5


@pytest.mark.parametrize("case", MARKED)
def test_int8_is_int8(case, converted) -> None:
    low, high = (0.6, 1.0) if case[1] in {"int8", "int8-dynamic"} else (0.0, 0.0)
    assert low <= converted(*case).manifest.graph.int8_mac_fraction <= high


@pytest.mark.parametrize("case", MARKED)
def test_int8_outputs_stay_in_the_ranges_that_the_file_states(case, converted) -> None:
    art, converter = converted(*case), registry.load(case[0])
    ranges = converter.ranges(art.model_path)
    assert (len(ranges) >= 20) == (case[1] == "int8") and (ranges == {}) == (case[1] != "int8")
    image = golden.image(art, art.manifest.golden[0])
    found = converter.activations(art.model_path, image) if ranges else {}
    assert len(found.keys() & ranges.keys()) >= 20 or not ranges
    for module in found.keys() & ranges.keys():
        low, high = ranges[module]
        step = (high - low) / 255
        assert low <= 0 <= high and found[module].any()
        # Core ML's outputs are those before they are rounded, and calibration cuts outliers off:
        # 1.6 % of one q here, nothing of the other targets'.
        outside = (found[module] < low - step / 2) | (found[module] > high + step / 2)
        assert outside.mean() <= (0.03 if case[0] == "coreml" else 0), module


@pytest.mark.parametrize("target", TARGETS)
def test_files_shrink_with_the_format(target: str, converted) -> None:
    size = {
        recipe: converted(target, recipe).manifest.size_bytes
        for recipe in ("fp32", "fp16", "int8")
        if (target, recipe) in CASES and (target, recipe) not in SLOWEST
    }
    if target != "executorch":  # XNNPACK takes no fp16 convolution kernels from a .pte
        assert size["fp16"] < 0.7 * size["fp32"]
    assert size.get("int8", 0) < 0.7 * size["fp32"]


@pytest.mark.parametrize("target", TARGETS)
def test_golden_images_replay_to_their_logits(target: str, converted) -> None:
    art = converted(target, "fp32")
    run = registry.load(target).runner(art.model_path, threads=1)
    for item in art.manifest.golden:
        found = run(golden.image(art, item))
        np.testing.assert_allclose(found, item.logits, rtol=1e-3, atol=1e-5)


class Small(nn.Module):
    """A layer of each kind that is named, quantized or left in float."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.depthwise = nn.Conv2d(3, 16, 4, stride=4), nn.Conv2d(16, 16, 3, groups=16)
        self.linear, self.head = nn.Conv2d(16, 32, 1), nn.Linear(32, 5)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """(1, 3, 32, 48) -> (1, 5)."""
        x = nn.functional.gelu(self.linear(self.depthwise(self.embed(image / 255))))
        return self.head(x.mean((2, 3)))


@pytest.mark.parametrize("target", TARGETS)
def test_the_same_inputs_give_the_same_bytes(target: str, tmp_path: Path) -> None:
    converter, draw = registry.load(target), np.random.default_rng(0)
    torch.manual_seed(0)
    program = export(Small().eval().requires_grad_(False), (32, 48), converter.LAYOUT)
    request = Request(
        recipe=recipes.lookup("palette4" if target == "coreai" else "int8"),
        backend=next(iter(converter.BACKENDS)),
        via=next(iter(converter.EXPORTERS)),
        labels=tuple("abcde"),
        title="small",
        description="random weights",
        version="1",
        facts={"model": "small"},
        calibration=tuple(draw.integers(0, 256, (4, 32, 48, 3), dtype=np.uint8)),
    )
    made = []
    for name in ("once", "again"):
        path = tmp_path / name / f"model{converter.SUFFIX}"
        path.parent.mkdir()
        converter.convert(program, request, path)
        made.append({str(f.relative_to(path.parent)): f.read_bytes() for f in files(path)})
    assert made[0] == made[1] and made[0]


def test_the_file_carries_its_labels(converted) -> None:
    with zipfile.ZipFile(converted("tflite", "int8").model_path) as archive:
        assert archive.read("labels.txt").decode().split("\n")[0] == "class 0"


def test_the_signature_names_the_input_and_the_output(converted) -> None:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(converted("tflite", "fp32").model_path))
    assert interpreter.get_signature_list() == {
        "serving_default": {"inputs": ["image"], "outputs": ["logits"]}
    }
    assert interpreter.get_input_details()[0]["shape"].tolist() == [1, 64, 96, 3]


def test_artifacts_of_all_targets_agree(converted) -> None:
    found = slide_mobile.compare([converted(target, "fp32").root for target in TARGETS])
    assert found.passed and len(found.pairs) == len(TARGETS) * (len(TARGETS) - 1) // 2
    assert min(pair.sqnr_db for pair in found.pairs) > 100


@pytest.mark.parametrize("target", TARGETS)
def test_a_planted_fault_is_found_in_its_module(target: str, converted, tmp_path: Path) -> None:
    art = Artifact.open(Path(shutil.copytree(converted(target, "fp32").root, tmp_path / "faulty")))
    form = deploy(models.create(MODEL).requires_grad_(False), layout=registry.load(target).LAYOUT)
    weight = form.get_submodule(FAULTY).weight.numpy()
    wrong = weight.copy()
    wrong[::2] *= -1  # norms would take no notice of all
    (file,) = (path for path in files(art.model_path) if weight.tobytes() in path.read_bytes())
    assert file.read_bytes().count(weight.tobytes()) == 1
    file.write_bytes(file.read_bytes().replace(weight.tobytes(), wrong.tobytes()))
    if (sealed := file.with_name("main.hash")).exists():  # Core AI's
        sealed.write_bytes(hashlib.sha256(file.read_bytes()).digest())
    art = with_true_digests(art)
    result = slide_mobile.check(art.root)
    assert not result.parity.passed
    assert result.modules[0].module == FAULTY and result.modules[0].own_db < 40
    assert result.modules[1].own_db > 90
    found = slide_mobile.compare([converted(t, "fp32").root for t in TARGETS] + [art.root])
    assert not found.passed and found.odd_one_out == art.root


def with_true_digests(art: Artifact) -> Artifact:
    """The artifact with a manifest that matches its files as they are now."""
    from msgspec.structs import replace

    (art.root / MANIFEST).unlink()
    manifest.write(art.root, replace(art.manifest, files=digests(art.root)))
    return Artifact.open(art.root)

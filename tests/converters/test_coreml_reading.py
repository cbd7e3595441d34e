"""Packages that are damaged or foreign: every verb works or refuses them in one line."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import coremltools as ct
import numpy as np
import pytest
import torch
from torch import nn

from slide_mobile import recipes
from slide_mobile.deploy.export import export
from slide_mobile.errors import ArtifactError
from slide_mobile.parity import running
from slide_mobile.targets.converter import Request
from slide_mobile.targets.quiet import quiet
from slide_mobile_converters import coreml
from slide_mobile_converters.coreml import reading
from slide_mobile_converters.coreml.metadata import MODULES

mb = ct.converters.mil.Builder
IMAGE = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
MODEL = Path("Data/com.apple.CoreML/model.mlmodel")
WEIGHTS = Path("Data/com.apple.CoreML/weights/weight.bin")
SEED, FLIPS = 5, 60


class Small(nn.Module):
    """Two convolutions, the second with compressed weights."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = nn.Conv2d(3, 16, 1), nn.Conv2d(16, 16, 8)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """(1, 3, 8, 8) -> (1, 16)."""
        return self.head(self.stem(image).relu()).flatten(1)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("whole") / "small.mlpackage"
    request = Request(
        recipe=recipes.lookup("palette6"),
        backend="mlprogram",
        via="coremltools",
        labels=tuple(f"class {n}" for n in range(16)),
        title="small",
        description="random weights",
        version="1",
        facts={},
    )
    coreml.convert(export(Small().requires_grad_(False), (8, 8), "NCHW"), request, path)
    return path


@pytest.fixture
def package(whole: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(whole, tmp_path / "small.mlpackage"))


def run(path: Path) -> np.ndarray:
    return coreml.runner(path)(IMAGE)


def activations(path: Path) -> object:
    return coreml.activations(path, IMAGE)


VERBS = [run, activations, coreml.inspect]


def refusal(verb: Callable[[Path], object], path: Path) -> str:
    """The one line that a verb fails with."""
    with pytest.raises(ArtifactError) as caught:
        verb(path)
    message = str(caught.value)
    assert "\n" not in message and str(path) in message
    return message


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("file", [MODEL, WEIGHTS], ids=["specification", "weights"])
def test_flipped_bits_work_or_are_refused_in_one_line(
    file: Path, verb: Callable[[Path], object], package: Path
) -> None:
    content = (package / file).read_bytes()
    draw, refused = np.random.default_rng(SEED), 0
    # The weights' headers come first; in the weights themselves a flip is only another number.
    for place in draw.integers(0, min(len(content), 6000), FLIPS):
        damaged = bytearray(content)
        damaged[place] ^= 1 << draw.integers(8)
        (package / file).write_bytes(damaged)
        try:
            verb(package)
        except ArtifactError as error:
            refused += 1
            assert "\n" not in str(error) and "small.mlpackage" in str(error)
    assert refused > (FLIPS // 4 if file == MODEL else 0)


def saved(program: object, path: Path) -> Path:
    with quiet():
        ct.convert(program, minimum_deployment_target=ct.target.iOS17).save(str(path))
    return path


@pytest.mark.parametrize(
    ("name", "output", "reason"),
    [
        ("picture", "logits", "inputs are picture; given: image"),
        ("image", "scores", "has the outputs scores instead of logits"),
        ("image", "logits", "output logits has the shape (1, 8, 8, 3)"),
    ],
)
def test_a_package_of_others_is_run_or_refused_in_one_line(
    name: str, output: str, reason: str, tmp_path: Path
) -> None:
    spec = mb.TensorSpec(shape=(1, 3, 8, 8))

    def function(x):
        return mb.relu(x=x, name=output)

    source = {"picture": lambda picture: function(picture), "image": lambda image: function(image)}
    program = mb.program(input_specs=[spec], opset_version=ct.target.iOS17)(source[name])
    path = saved(program, tmp_path / "other.mlpackage")
    pixels = np.zeros((1, 8, 8, 3), np.uint8)
    with pytest.raises(ArtifactError) as caught:
        running.run(coreml.runner(path), pixels, "classify")
    assert reason in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("verb", [run, activations])
def test_an_operation_that_cannot_be_computed_is_named(
    verb: Callable[[Path], object], package: Path
) -> None:
    spec = reading.specification(package)
    (block,) = spec.mlProgram.functions["main"].block_specializations.values()
    (softmax,) = (op for op in block.operations if op.type == "softmax")
    axis = softmax.inputs["axis"].arguments[0].name
    (constant,) = (op for op in block.operations if op.outputs[0].name == axis)
    constant.attributes["val"].immediateValue.tensor.ints.values[:] = [9]
    (package / MODEL).write_bytes(spec.SerializeToString())
    assert "operation softmax " in refusal(verb, package)


def test_labels_do_not_take_the_place_of_a_constant_of_the_file(whole: Path) -> None:
    """coremltools names them by a counter, which starts at 0 in a new process as in a new file."""
    (block,) = (
        reading.specification(whole).mlProgram.functions["main"].block_specializations.values()
    )
    assert "const_0" in {op.outputs[0].name for op in block.operations}
    for made in range(4):
        ct.converters.mil.Builder.name_count.clear()
        ct.converters.mil.Builder.name_count["const"] = made
        assert run(whole).shape == (16,)


def test_an_image_of_another_size_is_one_line(package: Path) -> None:
    with pytest.raises(
        ArtifactError, match=r"input image is \(1, 3, 8, 8\); given: \(1, 3, 4, 8\)"
    ):
        coreml.runner(package)(IMAGE[:4])


@pytest.mark.parametrize("table", ["", "{", "[]", "7", '{"conv2d": 7}', "[" * 100_000])
def test_a_damaged_table_of_modules_is_one_line(table: str, package: Path) -> None:
    spec = reading.specification(package)
    spec.description.metadata.userDefined[MODULES] = table
    (package / MODEL).write_bytes(spec.SerializeToString())
    assert "damaged table of modules" in refusal(activations, package)


def test_modules_of_variables_that_are_not_there_are_one_line(package: Path) -> None:
    spec = reading.specification(package)
    spec.description.metadata.userDefined[MODULES] = '{"gone": "head"}'
    (package / MODEL).write_bytes(spec.SerializeToString())
    assert "no variables named gone" in refusal(activations, package)


def test_a_specification_of_noise_is_one_line(package: Path) -> None:
    (package / MODEL).write_bytes(b"\xff" * 100)
    refusal(reading.modules, package)


def test_modules_are_those_of_the_model_that_the_manifest_names(package: Path) -> None:
    other = reading.specification(package)
    other.description.metadata.userDefined[MODULES] = json.dumps({"gone": "other"})
    (package / MODEL.parent / "other.mlmodel").write_bytes(other.SerializeToString())
    manifest = package / "Manifest.json"
    manifest.write_text(manifest.read_text().replace("/model.mlmodel", "/other.mlmodel"))
    assert reading.modules(package) == {"gone": "other"}


def test_flexible_lengths_count_once(tmp_path: Path) -> None:
    traced = torch.jit.trace(nn.Conv2d(1, 2, 3, padding=1).eval(), torch.rand(1, 1, 8, 8))
    with quiet():
        size = ct.RangeDim(4, 32, default=8)
        inputs = [ct.TensorType(name="x", shape=(1, 1, size, 8))]
        model = ct.convert(traced, inputs=inputs, minimum_deployment_target=ct.target.iOS17)
        model.save(str(tmp_path / "open.mlpackage"))
    facts = coreml.inspect(tmp_path / "open.mlpackage")
    assert any("flexible shapes" in finding for finding in facts.findings)

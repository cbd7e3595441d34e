"""Running programs: precision, kept variables, inputs, classifiers, and errors."""

from pathlib import Path

import coremltools as ct
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from one_operation import program
from torch import nn

import mil_evaluator
from mil_evaluator.rules import RULES, merged

draw = np.random.default_rng(2)


class Tiny(nn.Module):
    """A convolution, a norm and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, 2, 1)
        self.norm = nn.LayerNorm(8)
        self.head = nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(1, 3, H, W) -> (1, 3)."""
        x = self.conv(x).flatten(2).transpose(1, 2)
        return self.head(self.norm(x).mean(1)).softmax(-1)


@pytest.fixture(scope="module")
def model() -> nn.Module:
    torch.manual_seed(0)
    return Tiny().eval()


def saved(model: nn.Module, path: Path, *, precision: ct.precision = ct.precision.FLOAT32) -> Path:
    """Convert the model to a classifier of BGR images, and save it."""
    exported = torch.export.export(model, (torch.rand(1, 3, 8, 12),)).run_decompositions({})
    image = ct.ImageType(
        name="image",
        shape=(1, 3, 8, 12),
        scale=1 / 64,
        bias=[-1.0, -2.0, -0.5],
        color_layout=ct.colorlayout.BGR,
    )
    converted = ct.convert(
        exported,
        inputs=[image],
        classifier_config=ct.ClassifierConfig(["cat", "dog", "eel"]),
        compute_precision=precision,
        minimum_deployment_target=ct.target.iOS17,
    )
    converted.save(str(path))
    return path


@pytest.fixture(scope="module")
def package(model: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(model, tmp_path_factory.mktemp("fp32") / "tiny.mlpackage")


@pytest.fixture(scope="module")
def pixels() -> NDArray[np.float32]:
    return draw.integers(0, 256, (1, 3, 8, 12)).astype(np.float32)


def test_an_image_classifier_is_what_pytorch_computes(
    model: nn.Module, package: Path, pixels: NDArray[np.float32]
) -> None:
    loaded = mil_evaluator.load(package)
    assert loaded.inputs == (
        mil_evaluator.Input(
            name="image", shape=(1, 3, 8, 12), dtype="fp32", kind="image", color_layout="BGR"
        ),
    )
    assert loaded.outputs == ("classLabel", "classLabel_probs")
    assert loaded.labels == ("cat", "dog", "eel")
    assert loaded.specification_version == 8
    scaled = pixels / 64 + np.array([-1, -2, -0.5], np.float32)[:, None, None]
    expected = model(torch.from_numpy(scaled)).detach().numpy()[0]
    outputs = loaded.run({"image": pixels})
    np.testing.assert_allclose(outputs["classLabel_probs"], expected, rtol=1e-5)
    assert outputs["classLabel"] == loaded.labels[expected.argmax()]


def test_operations_are_listed_in_order_with_their_shapes(package: Path) -> None:
    operations = mil_evaluator.load(package).operations
    assert [op.type for op in operations[:3]] == ["mul", "add", "conv"]
    conv = operations[2]
    assert conv.inputs["x"] == operations[1].outputs[0]
    assert (conv.shapes, conv.dtypes) == (((1, 8, 4, 6),), ("fp32",))
    assert operations[-1].type == "classify"


def test_float16_rounds_what_the_program_declares_fp16(
    model: nn.Module, tmp_path: Path, pixels: NDArray[np.float32]
) -> None:
    path = saved(model, tmp_path / "half.mlpackage", precision=ct.precision.FLOAT16)
    loaded = mil_evaluator.load(path)
    conv = next(op for op in loaded.operations if op.type == "conv")
    scaled = next(op for op in loaded.operations if op.type == "add")
    assert (conv.dtypes, scaled.dtypes) == (("fp16",), ("fp32",))
    names = [conv.outputs[0], scaled.outputs[0]]
    half = loaded.run({"image": pixels}, precision="float16", keep=names)
    full = loaded.run({"image": pixels}, keep=names)
    rounded = half[names[0]].astype(np.float16).astype(np.float32)
    assert np.array_equal(half[names[0]], rounded)
    assert not np.array_equal(full[names[0]], half[names[0]])
    assert np.array_equal(full[names[1]], half[names[1]])
    assert 0 < np.abs(half["classLabel_probs"] - full["classLabel_probs"]).max() < 5e-3


def test_fp16_overflows_as_it_does_on_a_device() -> None:
    x = np.array([300, -300, 2], np.float16)
    made = program("square", {"x": x})
    name = made.outputs[0]
    assert made.run({"x": x}, precision="float16")[name].tolist() == [np.inf, np.inf, 4]
    assert made.run({"x": x})[name].tolist() == [90000, 90000, 4]


def test_what_to_keep_is_named_or_chosen(package: Path, pixels: NDArray[np.float32]) -> None:
    loaded = mil_evaluator.load(package)
    kept = loaded.run({"image": pixels}, keep=lambda op: op.type in ("conv", "layer_norm"))
    assert len(kept) == 4
    conv = next(op.outputs[0] for op in loaded.operations if op.type == "conv")
    weight = next(op.inputs["weight"] for op in loaded.operations if op.type == "conv")
    again = loaded.run({"image": pixels}, keep=[conv, weight, "image"])
    assert np.array_equal(again[conv], kept[conv])
    assert np.array_equal(again["image"], pixels)
    assert again[weight].shape == (8, 3, 3, 3)
    with pytest.raises(ValueError, match="no variables named nothing"):
        loaded.run({"image": pixels}, keep=["nothing"])


def test_inputs_have_to_be_those_of_the_program(package: Path, pixels: NDArray[np.float32]) -> None:
    loaded = mil_evaluator.load(package)
    with pytest.raises(ValueError, match="inputs are image; given: picture"):
        loaded.run({"picture": pixels})
    with pytest.raises(ValueError, match=r"input image is \(1, 3, 8, 12\); given: \(3, 8, 12\)"):
        loaded.run({"image": pixels[0]})
    with pytest.raises(ValueError, match="no precision 'float64'; known: float32, float16"):
        loaded.run({"image": pixels}, precision="float64")  # type: ignore[arg-type]


def test_running_changes_nothing(package: Path, pixels: NDArray[np.float32]) -> None:
    loaded, fed = mil_evaluator.load(package), pixels.copy()
    first = loaded.run({"image": fed})["classLabel_probs"]
    assert np.array_equal(fed, pixels)
    weight = next(op.inputs["weight"] for op in loaded.operations if op.type == "conv")
    loaded.run({"image": fed}, keep=[weight])[weight][:] = 0
    assert np.array_equal(loaded.run({"image": fed})["classLabel_probs"], first)


def test_flexible_shapes_are_open(tmp_path: Path) -> None:
    layer = nn.Conv2d(1, 2, 3).eval()
    traced = torch.jit.trace(layer, torch.rand(1, 1, 8, 8))
    size = ct.RangeDim(4, 32, default=8)
    converted = ct.convert(
        traced,
        inputs=[ct.TensorType(name="x", shape=(1, 1, size, 8))],
        minimum_deployment_target=ct.target.iOS17,
        compute_precision=ct.precision.FLOAT32,
    )
    converted.save(str(tmp_path / "open.mlpackage"))
    loaded = mil_evaluator.load(tmp_path / "open.mlpackage")
    assert loaded.inputs[0].shape == (1, 1, None, 8)
    for height in (5, 9):
        x = draw.normal(size=(1, 1, height, 8)).astype(np.float32)
        expected = layer(torch.from_numpy(x)).detach().numpy()
        np.testing.assert_allclose(
            loaded.run({"x": x})[loaded.outputs[0]], expected, rtol=1e-5, atol=1e-6
        )


def test_two_rules_for_one_operation_are_refused() -> None:
    with pytest.raises(ValueError, match="operation types with two rules: relu"):
        merged({"relu": RULES["relu"].function}, {"relu": RULES["silu"].function})


def test_the_limits_say_that_no_device_was_used() -> None:
    assert mil_evaluator.LIMITS.startswith("evaluated, not run on Apple hardware")
    assert "an estimate, and a device's error may be larger or smaller" in mil_evaluator.LIMITS


def test_the_readme_lists_every_operation() -> None:
    package = Path(mil_evaluator.__file__).parent
    listed = (package / "README.md").read_text().split("<!-- operations: begin -->")[1]
    listed = listed.split("<!-- operations: end -->")[0]
    assert sorted(listed.split("`")[1::2]) == sorted(RULES)

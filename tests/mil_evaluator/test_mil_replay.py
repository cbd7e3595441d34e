"""The comparison with MIL's value inference: it finds errors, and lists what it cannot check."""

from pathlib import Path

import coremltools as ct
import numpy as np
import pytest
import torch
from coremltools.converters.mil import Builder

from mil_evaluator.replay import Comparison, difference, reference, replay

X = np.linspace(-2, 2, 24, dtype=np.float32).reshape(1, 2, 3, 4)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    @Builder.program(input_specs=[Builder.TensorSpec((1, 2, 3, 4))], opset_version=ct.target.iOS17)
    def small(x):  # type: ignore[no-untyped-def]
        weight = np.ones((2, 2, 1, 1), np.float32)
        x = Builder.gelu(
            x=Builder.conv(x=Builder.gelu(x=x, mode="EXACT"), weight=weight), mode="EXACT"
        )
        parts = Builder.split(x=x, num_splits=2, axis=1)
        return Builder.concat(values=parts, axis=1, interleave=True)

    converted = ct.convert(
        small,
        convert_to="mlprogram",
        minimum_deployment_target=ct.target.iOS17,
        compute_precision=ct.precision.FLOAT32,
    )
    converted.save(str(tmp_path / "small.mlpackage"))
    return tmp_path / "small.mlpackage"


def test_operations_are_compared_or_counted_as_without_a_reference(package: Path) -> None:
    result = replay(package, {"x": X})
    assert result.compared.keys() == {"gelu", "split"}
    assert result.compared["gelu"].operations == 2
    assert 0 <= result.compared["gelu"].difference < 1e-6
    assert result.compared["split"] == Comparison(operations=1, difference=0.0)
    # MIL's inference of concat ignores interleaving, so it cannot be the reference here.
    assert result.without_reference == {"conv": 1, "concat": 1}


def test_a_reference_is_mils_not_ours() -> None:
    x = torch.tensor([1.0, 2.0])
    (found,) = reference("gelu", {"x": x, "mode": "SIGMOID_APPROXIMATION"}, 8) or ()
    assert found == pytest.approx(x.numpy() / (1 + np.exp(-1.702 * x.numpy())), rel=1e-6)
    assert reference("conv", {"x": x}, 8) is None


def test_a_difference_is_relative_to_the_largest_value() -> None:
    expected = np.array([4.0, 0.0, np.inf, np.nan], np.float32)
    assert difference(torch.tensor([4.0, 0.0, torch.inf, torch.nan]), expected) == 0
    assert difference(torch.tensor([4.0, 1.0, torch.inf, torch.nan]), expected) == 0.25
    assert difference(torch.tensor([4.0, 0.0, 9.0, torch.nan]), expected) == np.inf
    assert difference(torch.tensor([4.0, 0.0, torch.inf, 1.0]), expected) == np.inf
    assert difference(torch.zeros(3), np.zeros(4, np.float32)) == np.inf


def test_an_fp16_reference_is_compared_in_fp16() -> None:
    value = torch.tensor([1 / 3])
    assert difference(value, value.numpy().astype(np.float16)) == 0

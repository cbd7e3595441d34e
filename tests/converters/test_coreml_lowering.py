"""What is mended on the way from an exported program to MIL, on modules of a few operations."""

from collections.abc import Collection
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from slide_mobile import recipes
from slide_mobile.deploy.export import export
from slide_mobile.parity import layerwise
from slide_mobile.parity.metrics import sqnr_db
from slide_mobile.targets.converter import Request
from slide_mobile_converters import coreml
from slide_mobile_converters.coreml import lowering, reading

# Measured: 35.7 dB in int8, 39 and more in the others; a wrong module is near 0.
MODULE_DB = 30


def asked(precision: str, float_modules: Collection[str] = ()) -> Request:
    recipe, image = recipes.lookup(precision), np.full((8, 8, 3), 100, np.uint8)
    return Request(
        recipe=recipe,
        backend="mlprogram",
        via="coremltools",
        labels=("ant", "bee", "cat", "dog", "emu"),
        title="a test",
        description="random weights",
        version="1",
        facts={},
        calibration=(image,) if recipe.needs_calibration else (),
        float_modules=float_modules,
    )


class SharedBiases(nn.Module):
    """Biases of zero, which coremltools keeps once, for a layer in int8 and two in float."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = nn.Conv2d(3, 128, 1), nn.Conv2d(128, 5, 8)
        self.depthwise, self.dense = nn.Conv2d(128, 128, 1, groups=128), nn.Conv2d(128, 128, 1)
        for layer in (self.stem, self.depthwise, self.dense):
            nn.init.zeros_(layer.bias)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """(1, 3, 8, 8) -> (1, 5)."""
        return self.head(self.dense(self.depthwise(self.stem(image)))).flatten(1)


@pytest.mark.parametrize("precision", ["int8-weights", "palette6"])
def test_a_bias_shared_with_a_float_layer_is_no_conflict(precision: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    program = export(SharedBiases().requires_grad_(False), (8, 8), "NCHW")
    path = tmp_path / "shared.mlpackage"
    coreml.convert(program, asked(precision), path)
    operations = reading.program(path).operations
    assert len([op for op in operations if op.type.startswith("constexpr_")]) == 1


class Gelu(nn.Module):
    """One operation to put an alias behind."""

    def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        """Any shape."""
        return {"logits": nn.functional.gelu(image) + 1}


def test_aliases_are_stripped() -> None:
    image = torch.linspace(-3, 3, 16)
    program = torch.export.export(Gelu(), (), {"image": image}).run_decompositions({})
    gelu = next(node for node in program.graph.nodes if "gelu" in node.name)
    with program.graph.inserting_after(gelu):
        alias = program.graph.call_function(torch.ops.aten.alias.default, (gelu,))
    gelu.replace_all_uses_with(alias, delete_user_cb=lambda user: user is not alias)
    alias.meta = dict(gelu.meta)
    assert alias.users
    core = lowering.decomposed(program)
    assert torch.ops.aten.alias.default not in {node.target for node in core.graph.nodes}
    torch.testing.assert_close(core.module()(image=image), Gelu()(image))


class Linears(nn.Module):
    """Linears, one of which has constant weights and is no module."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.first = nn.Conv2d(3, 16, 1), nn.Linear(16, 16)
        self.second, self.head = nn.Linear(16, 16), nn.Linear(16, 5)
        self.register_buffer("fixed", torch.rand(16, 16))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """(1, 3, 8, 8) -> (1, 5)."""
        rows = self.first(self.stem(image).permute(0, 2, 3, 1)).relu()
        rows = nn.functional.linear(rows, self.fixed)
        return self.head(self.second(rows).mean((1, 2))).abs()


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8", "int8-weights"])
def test_every_linear_is_found_in_the_file(precision: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    net, image = Linears().requires_grad_(False), np.full((8, 8, 3), 100, np.uint8)
    path = tmp_path / "linears.mlpackage"
    coreml.convert(export(net, (8, 8), "NCHW"), asked(precision), path)
    found, expected = coreml.activations(path, image), layerwise.activations(net, image)
    assert found.keys() == expected.keys() == {"stem", "first", "second", "head"}
    for module, values in found.items():
        assert sqnr_db(expected[module], values) > MODULE_DB


@pytest.mark.parametrize("precision", ["int8", "int8-weights"])
def test_the_first_linear_can_stay_in_float(precision: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    program = export(Linears().requires_grad_(False), (8, 8), "NCHW")
    counts = []
    for float_modules in ((), ("first",)):
        path = tmp_path / f"{len(float_modules)}.mlpackage"
        coreml.convert(program, asked(precision, float_modules), path)
        operations = reading.program(path).operations
        counts.append(len([op for op in operations if op.type.startswith("constexpr_")]))
    assert counts[0] - counts[1] == 1

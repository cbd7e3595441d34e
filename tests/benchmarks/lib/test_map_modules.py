"""A module on a map goes through a converter as a model does."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks.lib.attention_forms import Form, formed
from benchmarks.lib.map_modules import built
from slide_mobile.models.layers.slide_attention import SlideAttention
from slide_mobile.parity.metrics import sqnr_db
from slide_mobile.targets import registry


@pytest.mark.slow
@pytest.mark.parametrize(("precision", "floor_db"), [("fp32", 100), ("int8", 20)])
@pytest.mark.parametrize(
    "target", ["tflite", pytest.param("executorch", marks=pytest.mark.full_size)]
)
def test_a_file_computes_what_the_module_does(
    target: str,
    precision: str,
    floor_db: float,
    randomised: Callable[[nn.Module], nn.Module],
    tmp_path: Path,
) -> None:
    published = randomised(SlideAttention(32, 1))
    assert isinstance(published, SlideAttention)
    maps = np.random.default_rng(0).standard_normal((4, 6, 10, 32), np.float32)
    module = formed(published, Form(k="shifts"), registry.load(target).LAYOUT)
    found = built(module, list(maps), tmp_path / "model", target=target, precision=precision)
    with torch.no_grad():
        expected = published(torch.from_numpy(maps[:1])).numpy()
    assert sqnr_db(expected, found.output) > floor_db
    assert (found.partitions, found.outside) == (1, 0)
    found.call()

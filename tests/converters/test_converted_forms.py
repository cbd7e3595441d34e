"""Forms of attention other than the plain one, through the toolchains that may get them."""

from pathlib import Path

import numpy as np
import pytest
import torch

from slide_mobile import models, recipes
from slide_mobile.deploy.export import export
from slide_mobile.deploy.forms import Form, Forms, Shape
from slide_mobile.deploy.rewriting import deploy
from slide_mobile.parity.metrics import sqnr_db
from slide_mobile.targets import registry
from slide_mobile.targets.converter import Request

MODEL, SIZE = "slide_swin_test", (96, 160)  # whose windows pad the map of the last stage
# Of its slide stages, and of the windows of both others: the nearest there is.
FINE = Shape(height=24, width=40, dim=16, heads=2)
COARSE = Shape(height=12, width=20, dim=32, heads=2)
FULL = pytest.mark.full_size
FLOAT = "layers.2.blocks.0.mlp.fc1"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("target", "precision", "form"),
    [
        ("tflite", "int8", Form(head_sum="sum", head_broadcast="broadcast", strips=4)),
        pytest.param("executorch", "int8", Form(strips=4), marks=FULL),
        pytest.param("tflite", "fp32", Form(head_broadcast="broadcast", strips=4), marks=FULL),
        pytest.param(
            "tflite", "fp16", Form(head_sum="sum", head_broadcast="broadcast"), marks=FULL
        ),
        pytest.param("executorch", "fp32", Form(head_broadcast="broadcast", strips=4), marks=FULL),
        pytest.param("executorch", "fp16", Form(strips=4), marks=FULL),
    ],
)
def test_strips_broadcasting_and_matrices_keep_parity_in_one_delegate(
    target: str, precision: str, form: Form, tmp_path: Path
) -> None:
    converter, recipe = registry.load(target), recipes.lookup(precision)
    forms = Forms(
        (
            ("slide", FINE, form),
            ("slide", COARSE, Form()),
            ("window", COARSE, Form(tokens="matrix")),
        )
    )
    torch.manual_seed(0)
    reference = models.create(MODEL, input_size=SIZE).requires_grad_(False)
    deployed = deploy(reference, layout=converter.LAYOUT, forms=forms)
    draw = np.random.default_rng(0)
    images = [draw.integers(0, 256, (*SIZE, 3), dtype=np.uint8) for _ in range(4)]
    request = Request(
        recipe=recipe,
        backend="xnnpack",
        via=next(iter(converter.EXPORTERS)),
        labels=tuple("abcde"),
        title=MODEL,
        description="",
        version="0",
        facts={},
        calibration=images if recipe.needs_calibration else (),
        float_modules={FLOAT} if recipe.needs_calibration else (),
    )
    path = tmp_path / f"model{converter.SUFFIX}"
    converter.convert(export(deployed, SIZE, converter.LAYOUT), request, path)
    graph = converter.inspect(path)
    assert (graph.partitions, graph.delegated_ops) == (1, graph.total_ops)
    assert graph.max_rank <= converter.MAX_RANK
    assert not converter.misread(path)
    runner = converter.runner(path)
    maps = torch.from_numpy(np.stack(images).astype(np.float32)).permute(0, 3, 1, 2)
    with torch.no_grad():
        expected = torch.cat([deployed(image[None]) for image in maps]).numpy()
    assert sqnr_db(expected, np.stack([runner(image) for image in images])) > recipe.min_sqnr_db

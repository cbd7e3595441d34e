"""Whole networks: deploy form against reference, for every family in both layouts."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from slide_mobile import models
from slide_mobile.deploy.rewriting import deploy
from slide_mobile.parity.metrics import sqnr_db
from slide_mobile.preprocess import Normalization, normalize
from slide_mobile.tasks import Layout

Randomised = Callable[..., nn.Module]
LAYOUTS: tuple[Layout, ...] = ("NHWC", "NCHW")
TESTS = [name for name in models.names(tests=True) if models.spec(name).preset == "test"]

NETWORKS: list[tuple[str, tuple[int, int], dict[str, Any]]] = [
    ("slide_swin_test", (64, 96), {}),
    ("slide_swin_test", (96, 160), {}),  # windows padded in the last stage
    ("slide_swin_demo", (160, 96), {}),
    ("swin_tiny", (64, 96), {}),
    ("slide_swin_tiny_release", (96, 64), {}),
    ("slide_pvt_test", (96, 160), {}),
    ("slide_pvt_test", (96, 160), {"slide_stages": 0, "class_token": True}),
    ("slide_pvt_v2_test", (96, 160), {}),
    ("slide_pvt_v2_test", (160, 96), {"slide_stages": 0}),
    ("slide_cswin_test", (96, 160), {}),
    ("slide_cswin_test", (160, 96), {"slide_stages": 0, "splits": (5, 7, 4, 4)}),
    ("slide_cswin_test", (64, 96), {"lepe": False}),
    ("slide_nat_test", (96, 160), {}),
    ("slide_nat_test", (160, 128), {"slide_stages": 0}),
]


@pytest.mark.parametrize(("name", "size", "options"), NETWORKS, ids=str)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_deploy_form_is_the_reference(
    name: str, size: tuple[int, int], options: dict, layout: Layout, randomised: Randomised
) -> None:
    reference = randomised(models.create(name, input_size=size, **options))
    before = {n: p.clone() for n, p in reference.named_parameters()}
    draw = torch.Generator().manual_seed(2)
    pixels = torch.randint(0, 256, (1, *size, 3), dtype=torch.uint8, generator=draw)
    by = Normalization(mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3))
    with torch.no_grad():
        expected = reference(torch.from_numpy(normalize(pixels.numpy(), by)))
        form = deploy(reference, normalization=by, layout=layout)
        found = form(pixels.permute(0, 3, 1, 2).float())
    assert sqnr_db(expected, found) > 115  # measured 125 to 137 dB
    assert all(torch.equal(p, before[n]) for n, p in reference.named_parameters())


def test_deploy_refuses_training_mode() -> None:
    with pytest.raises(ValueError, match="eval"):
        deploy(models.create("slide_swin_test").train())


@pytest.mark.parametrize("name", TESTS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_no_tensor_of_the_deploy_form_exceeds_rank_4(name: str, layout: Layout) -> None:
    program = torch.export.export(
        deploy(models.create(name, input_size=(96, 160)), layout=layout),
        (torch.zeros(1, 3, 96, 160),),
    )
    values = [node.meta["val"] for node in program.graph.nodes if "val" in node.meta]
    tensors = [t for v in values for t in (v if isinstance(v, list | tuple) else (v,))]
    assert max(t.ndim for t in tensors if isinstance(t, Tensor)) == 4


@pytest.mark.parametrize("name", TESTS)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("magnitude", [1, 16])
def test_the_deploy_form_survives_fp16(
    magnitude: int, layout: Layout, name: str, randomised: Randomised
) -> None:
    """Round every operation to fp16, with large values and means in the residual stream."""
    model = randomised(models.create(name, input_size=(96, 128)))
    with torch.no_grad():
        first = model.get_submodule(model.stages()[0].embed)
        norm = first.get_submodule(first.NORM)
        norm.weight.mul_(magnitude)
        norm.bias.add_(magnitude)
        form = deploy(model, layout=layout)
        pixels = torch.randint(0, 256, (1, 3, 96, 128)).float()
        expected, found = form(pixels), form.half()(pixels.half())
    assert torch.isfinite(found).all()
    assert sqnr_db(expected, found.float()) > 50  # contract's floor; measured 60 dB and more

"""The gain of the residual stream: its value, and that the outputs do not depend on it."""

import copy
import itertools
import math
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from slide_mobile import models
from slide_mobile.deploy.layout import ChannelSum
from slide_mobile.deploy.rewriting import Rewrite, apply, rewrites
from slide_mobile.deploy.scale_stream import scale_stream, stream_gain
from slide_mobile.parity.metrics import sqnr_db

Randomised = Callable[..., nn.Module]

TESTS = [name for name in models.names(tests=True) if models.spec(name).preset == "test"]
NETWORKS = [(name, {}) for name in TESTS] + [("slide_pvt_test", {"class_token": True})]
SIZE = (96, 128)


@pytest.mark.parametrize("dim", [16, 24, 48, 64, 96, 128, 192, 320, 384, 512, 768, 1024])
@pytest.mark.parametrize("eps", [1e-5, 1e-6])
def test_stream_gain_puts_the_eps_term_into_its_range(eps: float, dim: int) -> None:
    gain = stream_gain(dim * eps)
    assert math.log2(gain).is_integer()
    assert 6.2e-5 <= dim * eps * gain**2 < 2.48e-4


@pytest.mark.parametrize(("name", "options"), NETWORKS, ids=str)
def test_every_eps_term_is_a_normal_fp16_number(name: str, options: dict) -> None:
    model = models.create(name, input_size=SIZE, **options).requires_grad_(False)
    _, new = without_and_with(model)
    terms = [part.shift for part in new.modules() if isinstance(part, ChannelSum) and part.shift]
    assert min(terms) >= torch.finfo(torch.float16).tiny


def scales(rewrite: Rewrite) -> bool:
    return isinstance(rewrite, partial) and rewrite.func is scale_stream


def without_and_with(model: nn.Module) -> tuple[nn.Module, nn.Module]:
    """Return the model just before scale_stream, and just after it."""
    for rewrite in itertools.takewhile(lambda rewrite: not scales(rewrite), rewrites()):
        model = apply(rewrite, copy.deepcopy(model))
    return model, apply(scale_stream, copy.deepcopy(model))


def streams(model: nn.Module, image: Tensor) -> dict[str, Tensor]:
    """Return what each embedding and block writes to the stream, by path, and the logits."""
    found: dict[str, Tensor] = {}
    for part in model.stages():
        written = model.get_submodule(part.blocks).named_children()
        paths = [part.embed, *(f"{part.blocks}.{name}" for name, _ in written)]
        for path in paths:
            module = model.get_submodule(path)
            module.register_forward_hook(lambda _, __, y, path=path: found.update({path: y}))
    with torch.no_grad():
        found["logits"] = model(image)
    return found


@pytest.mark.parametrize(("name", "options"), NETWORKS, ids=str)
def test_scale_stream_is_exact_and_scales_every_stage(
    name: str, options: dict, randomised: Randomised
) -> None:
    old, new = without_and_with(randomised(models.create(name, input_size=SIZE, **options)))
    image = torch.randn(1, 3, *SIZE)
    before, after = streams(old, image), streams(new, image)
    assert sqnr_db(before.pop("logits"), after.pop("logits")) > 120  # other roundings only
    assert len(before) == 4 + 5  # embeddings and blocks
    eps = 1e-6 if "pvt" in name else 1e-5
    gains = {path: stream_gain(eps * x.shape[-1]) for path, x in before.items()}
    assert set(gains.values()) >= ({2, 1} if "pvt" in name else {1, 0.5})
    for path, x in before.items():
        torch.testing.assert_close(after[path], gains[path] * x, rtol=1e-4, atol=1e-4, msg=path)


@pytest.mark.parametrize(("name", "options"), NETWORKS, ids=str)
def test_scale_stream_multiplies_by_powers_of_two_only(
    name: str, options: dict, randomised: Randomised
) -> None:
    old, new = without_and_with(randomised(models.create(name, input_size=SIZE, **options)))
    were, changed = dict(old.named_parameters()) | dict(old.named_buffers()), 0
    for path, x in (*new.named_parameters(), *new.named_buffers()):
        ratio = x / were[path]
        gains = ratio[torch.isfinite(ratio)].log2()
        assert (gains == gains.round()).all(), path
        changed += bool((gains != 0).any())
    assert changed > 20

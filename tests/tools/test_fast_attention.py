"""The form of the attention that trains the demo, against the published one."""

import pytest
import torch
from torch import Tensor, nn

from slide_mobile import models
from slide_mobile.models.layers.slide_attention import SlideAttention
from tools.demo_training.fast_attention import FastSlideAttention, accelerate


def _attention(dim: int, heads: int, k: int) -> SlideAttention:
    torch.manual_seed(0)
    attention = SlideAttention(dim, heads, k)
    for parameter in attention.parameters():
        # Biases and tables are drawn too: the built ones are zero, or small.
        nn.init.normal_(parameter, std=0.3)
    return attention


@pytest.mark.parametrize(("dim", "heads", "k"), [(24, 1, 3), (16, 4, 3), (12, 2, 5)])
def test_fast_attention_is_the_published_one(dim: int, heads: int, k: int) -> None:
    attention = _attention(dim, heads, k)
    x = torch.randn(2, 7, 10, dim)
    published = attention(x)
    fast = accelerate(attention)(x)
    # Sums in another order: 4e-6 measured on outputs of up to 5.
    torch.testing.assert_close(fast, published, rtol=1e-5, atol=1e-5)


def test_fast_attention_has_the_published_gradients() -> None:
    attention = _attention(16, 2, 3).double()
    x = torch.randn(2, 5, 6, 16, dtype=torch.float64, requires_grad=True)
    wanted = [x, *(p for p in attention.parameters() if p.requires_grad)]
    weight = torch.randn(2, 5, 6, 16, dtype=torch.float64)

    def gradients() -> tuple[Tensor, ...]:
        return torch.autograd.grad((attention(x) * weight).sum(), wanted)

    published = gradients()
    accelerate(attention)
    for fast, slow in zip(gradients(), published, strict=True):
        torch.testing.assert_close(fast, slow, rtol=1e-9, atol=1e-9)


def test_accelerate_swaps_every_slide_attention_and_keeps_the_state() -> None:
    model = models.create("slide_swin_demo")
    before = model.state_dict()
    accelerate(model)
    kinds = [type(m) for m in model.modules() if isinstance(m, SlideAttention)]
    assert kinds == [FastSlideAttention] * 4
    after = model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before | after)


def test_two_learned_paths_are_refused() -> None:
    with pytest.raises(NotImplementedError, match="DAT"):
        accelerate(SlideAttention(8, 2, separate_v=True))

"""Each way to write local attention that was tried computes what the published module computes."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from benchmarks.lib.attention_forms import FORMS, Form, TriedAttention, formed
from slide_mobile.models.layers.slide_attention import SlideAttention
from slide_mobile.tasks import Layout

Randomise = Callable[[nn.Module], nn.Module]


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("form", FORMS, ids=str)
def test_a_form_is_exact(form: Form, layout: Layout, randomised: Randomise) -> None:
    published = randomised(SlideAttention(12, 3))
    assert isinstance(published, SlideAttention)
    attention = formed(published, form, layout).eval()
    x = torch.randn(1, 28, 5, 12, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = published(x)
        found = x.permute(0, 3, 1, 2) if layout == "NCHW" else x
        found = attention(found)
        found = found.permute(0, 2, 3, 1) if layout == "NCHW" else found
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_what_ships_is_measured_as_it_ships(randomised: Randomise) -> None:
    published = randomised(SlideAttention(12, 3))
    assert isinstance(published, SlideAttention)
    own = [form for form in FORMS if isinstance(formed(published, form), TriedAttention)]
    assert [form for form in FORMS if form.shipped is None] == own
    assert {str(form) for form in FORMS if form.shipped is not None} == {
        "K taps, V taps", "K taps, V broadcast", "K sums, V broadcast",
        *(f"K taps, V taps, {strips} strips" for strips in (2, 4, 7)),
    }  # fmt: skip

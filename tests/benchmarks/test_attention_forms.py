"""Each way to write local attention that was tried computes what the published module computes."""

import pytest
import torch

from benchmarks.attention_forms import FORMS, Form, FormedAttention
from slide_mobile.models.layers.slide_attention import SlideAttention


@pytest.mark.parametrize("channels_first", [False, True], ids=["NHWC", "NCHW"])
@pytest.mark.parametrize("form", FORMS, ids=str)
def test_a_form_is_exact(form: Form, channels_first: bool, randomised) -> None:
    published = randomised(SlideAttention(12, 3))
    formed = FormedAttention(published, form, channels_first=channels_first).eval()
    x = torch.randn(1, 28, 5, 12, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = published(x)
        found = formed(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1) if channels_first else formed(x)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)

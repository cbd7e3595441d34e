"""The maps of a detector's Swin are normalized behind their stages, also in the deploy form."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from slide_mobile import models
from slide_mobile.deploy import deploy
from slide_mobile.deploy.scale_stream import Headroom
from slide_mobile.models.layers.backbone import without_head
from slide_mobile.parity import metrics
from slide_mobile.preprocess import IMAGENET
from slide_mobile.tasks import Layout, channels_last


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_output_norms_are_exact(
    layout: Layout, randomised: Callable[[nn.Module], nn.Module]
) -> None:
    model = without_head(randomised(models.create("slide_swin_test", output_norms=(1, 2, 3))))
    assert [type(one).__name__ for one in model.outputs] == ["Identity", *["LayerNorm"] * 3]
    headroom = Headroom(stream=(3, 2, 2, 1))
    form = deploy(model, layout=layout, headroom=headroom)
    image = torch.randint(0, 256, (1, 3, 64, 96), generator=torch.Generator().manual_seed(0))
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (IMAGENET.mean, IMAGENET.std))
    expected = model((image / 255 - mean) / std)
    for ours, theirs in zip(form(image.float()), expected, strict=True):
        found = channels_last(ours.detach().numpy(), layout)
        assert metrics.sqnr_db(theirs.detach().numpy(), found) > 110

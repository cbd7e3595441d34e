"""The stages of a network, one by one."""

import pytest
import torch

from benchmarks.lib.stages import staged, stages
from slide_mobile.deploy.forms import Form


@pytest.mark.parametrize("model", ["slide_swin_demo", "slide_pvt_test", "slide_nat_test"])
@pytest.mark.parametrize("target", ["tflite", "executorch"])
def test_what_is_measured_are_the_blocks_of_a_stage(target: str, model: str) -> None:
    found = list(stages(model, target))
    windows = target == "executorch" and model == "slide_swin_demo"
    assert len(found) == (4 if windows else 2)
    for stage in found:
        for form in (Form(), Form(strips=2, tokens="matrix")):
            module, maps = staged(target, stage, form)
            x = torch.from_numpy(maps[0][None])
            x = x.permute(0, 3, 1, 2) if target == "executorch" else x
            with torch.no_grad():
                assert module(x).shape == x.shape

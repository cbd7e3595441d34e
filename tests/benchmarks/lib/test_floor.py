"""The floor keeps the dense products of a model, and nothing else that takes time."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from benchmarks.lib.floor import floor
from slide_mobile import models
from slide_mobile.deploy.export import export, input_shape
from slide_mobile.deploy.rewriting import deploy
from slide_mobile.tasks import Layout


def dense(model: nn.Module) -> dict[str, torch.Tensor]:
    """Weights of linears and of convolutions that are not depthwise."""
    return {
        name: part.weight
        for name, part in model.named_modules()
        if isinstance(part, nn.Linear) or (isinstance(part, nn.Conv2d) and part.groups == 1)
    }


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_the_floor_keeps_every_dense_product_and_nothing_of_norms_or_taps(layout: Layout) -> None:
    reference = models.create("slide_swin_test").requires_grad_(False)
    deployed = deploy(reference, layout=layout)
    weights = dense(deployed)
    bare = floor(deployed)
    assert dense(bare).keys() == weights.keys()
    assert all(torch.equal(weight, weights[name]) for name, weight in dense(bare).items())
    program = export(bare, (64, 96), layout)
    calls = [node for node in program.graph.nodes if node.op == "call_function"]
    names = {node.target.__name__.partition(".")[0] for node in calls}
    assert not names & {"rsqrt", "square", "layer_norm", "exp", "maximum"}
    convs = [node for node in calls if node.target == torch.ops.aten.conv2d.default]
    assert convs and all(len(node.args) < 7 or node.args[6] == 1 for node in convs)
    image = torch.zeros(input_shape((64, 96), layout))
    assert program.module()(image=image)["logits"].shape == (1, 5)


def test_a_merge_of_the_floor_keeps_its_bias(
    randomised: Callable[[nn.Module], nn.Module],
) -> None:
    reference = randomised(models.create("slide_swin_test"))
    pixels = torch.randint(0, 256, (1, 3, 64, 96), generator=torch.Generator().manual_seed(1))
    logits = [floor(deploy(reference, layout=each))(pixels.float()) for each in ("NHWC", "NCHW")]
    torch.testing.assert_close(*logits, rtol=1e-4, atol=1e-4)
    without = floor(deploy(reference))
    for name, part in without.named_modules():
        if name.endswith("downsample.conv"):
            nn.init.zeros_(part.get_parameter("bias"))
    assert not torch.allclose(without(pixels.float()), logits[0], rtol=1e-2)

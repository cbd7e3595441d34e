"""Full-size models: the deploy form of every model, and one model per family in the targets."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import slide_mobile
from slide_mobile import Format, ModelSource, models
from slide_mobile.deploy.rewriting import deploy
from slide_mobile.parity.metrics import sqnr_db
from slide_mobile.preprocess import IMAGENET, normalize
from slide_mobile.targets import registry
from slide_mobile.tasks import Layout

pytestmark = pytest.mark.full_size

# At least so many logits are compared: the demo's twelve are too few to estimate noise power.
LOGITS = 200
# The Im2Col baseline keeps its rank-6 attention: it is measured, not shipped.
NAMES = [name for name in models.names() if not name.startswith("im2col")]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_the_deploy_form_of_a_full_size_model_is_its_reference(
    name: str, layout: Layout, randomised: Callable[[nn.Module], nn.Module]
) -> None:
    spec = models.spec(name)
    reference = randomised(models.create(name))
    images = math.ceil(LOGITS / spec.num_classes)
    shape = (images, *spec.input_size, 3)
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    raw = torch.from_numpy(pixels).permute(0, 3, 1, 2).float()
    mean, std = (torch.tensor(x).double().view(3, 1, 1) for x in (IMAGENET.mean, IMAGENET.std))
    with torch.no_grad():
        single = reference(torch.from_numpy(normalize(pixels, IMAGENET)))
        single_form = one_by_one(deploy(reference, layout=layout), raw)
        reference.double()
        exact = reference((raw.double() / 255 - mean) / std)
        exact_form = one_by_one(deploy(reference, layout=layout).double(), raw.double())
    # fp64 tests the algebra; the remaining error is that of constants in fp32. Measured: 136 dB
    # (NAT-B, whose random residuals grow the most) to 300 dB.
    assert sqnr_db(exact, exact_form) > 130
    # fp32 has the documented floor; measured: 101 dB (NAT-B), 110 (NAT-S), else 114 and more. The
    # deploy form is hardly less accurate than the reference, whose own SQNR is 104 dB in NAT-B;
    # measured: at most 3.0 dB less, channels last.
    assert sqnr_db(single, single_form) > 100
    assert sqnr_db(exact, single_form) > sqnr_db(exact, single) - 4


def one_by_one(form: nn.Module, images: Tensor) -> Tensor:
    """Run a deploy form, which takes a batch of one, on each image of a batch."""
    return torch.cat([form(image[None]) for image in images])


@pytest.mark.parametrize(
    ("target", "precision"),
    [(target, "fp32") for target in registry.names()]
    + [(target, "int8") for target in registry.names() if target != "coreai"],
)
def test_slide_swin_tiny_converts(target: str, precision: str, tmp_path: Path) -> None:
    source = ModelSource("slide_swin_tiny", untrained=True)
    art = slide_mobile.convert(source, to=Format(target, precision), out=tmp_path)
    graph = art.manifest.graph
    assert graph.max_rank == 4
    if target in {"tflite", "executorch"}:
        assert graph.partitions == 1 and graph.delegated_ops == graph.total_ops
    # fp32 must reach the goal, int8 the floor; measured 31 to 32 dB with random weights.
    assert art.manifest.parity.sqnr_db > {"fp32": 110, "int8": 20}[precision]


@pytest.mark.parametrize("target", ["tflite", "executorch", "coreml", "coreai"])
@pytest.mark.parametrize(
    "name", ["slide_pvt_tiny", "slide_pvt_v2_b1", "slide_cswin_tiny", "slide_nat_mini", "pvt_tiny"]
)
def test_a_size_of_every_family_converts(name: str, target: str, tmp_path: Path) -> None:
    source = ModelSource(name, untrained=True)
    art = slide_mobile.convert(source, to=Format(target, "fp32"), out=tmp_path)
    graph = art.manifest.graph
    assert graph.max_rank <= 4
    if target in {"tflite", "executorch"}:
        assert graph.partitions == 1 and graph.delegated_ops == graph.total_ops
    assert art.manifest.parity.sqnr_db > 110  # the goal

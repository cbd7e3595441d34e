"""The stages of a network, each on its own, so that their graph forms can be timed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.lib.map_modules import Map
from slide_mobile import models
from slide_mobile.deploy.forms import Attention, Form, Forms, Shape
from slide_mobile.deploy.matrix_stages import MatrixStage
from slide_mobile.deploy.rewriting import deploy
from slide_mobile.models.layers import backbone
from slide_mobile.models.layers.backbone import Backbone, NestedBackbone
from slide_mobile.models.layers.slide_attention import SlideAttention
from slide_mobile.models.layers.window_attention import WindowAttention
from slide_mobile.targets import registry
from slide_mobile.tasks import Layout

CALIBRATION_MAPS = 4


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A stage of a model, counted from 0, with what its form is looked up by."""

    model: str
    number: int
    attention: Attention
    shape: Shape

    def __str__(self) -> str:
        """For progress on the console."""
        s = self.shape
        return f"{self.attention} {s.height}x{s.width}x{s.dim}, {s.heads} heads"


def stages(model: str, target: str) -> Iterator[Stage]:
    """The stages of a model that have a form to choose on this target."""
    layout = registry.load(target).LAYOUT
    reference = models.create(model)
    assert isinstance(reference, Backbone)
    for number, part in enumerate(reference.stages()):
        module = reference.get_submodule(f"{part.blocks}.0.attn")
        attention = _choosable(module, layout)
        if attention is None:
            continue
        assert isinstance(module, SlideAttention | WindowAttention)
        height, width = reference.map_size(number)
        shape = Shape(height=height, width=width, dim=module.dim, heads=module.num_heads)
        yield Stage(model=model, number=number, attention=attention, shape=shape)


def _choosable(module: nn.Module, layout: Layout) -> Attention | None:
    """The kind of attention, or None if it has one form only."""
    if isinstance(module, SlideAttention):
        return "slide"
    return "window" if isinstance(module, WindowAttention) and layout == "NCHW" else None


def staged(target: str, stage: Stage, form: Form) -> tuple[nn.Module, Sequence[Map]]:
    """The blocks of a stage in a form, for the layout of the target, and maps (H, W, C) for them.

    The blocks around the attention belong to the measurement: what they leave in the cache counts.
    """
    torch.manual_seed(0)
    forms = Forms(((stage.attention, stage.shape, form),))
    layout = registry.load(target).LAYOUT
    deployed = deploy(models.create(stage.model), layout=layout, forms=forms)
    assert isinstance(deployed, Backbone)
    at, draw = stage.shape, np.random.default_rng(0)
    maps = draw.standard_normal((CALIBRATION_MAPS, at.height, at.width, at.dim), np.float32)
    return Blocks(deployed, stage.number), list(maps)


class Blocks(nn.Module):
    """The blocks of one stage of a network."""

    def __init__(self, network: Backbone, number: int) -> None:
        super().__init__()
        if isinstance(network, NestedBackbone):  # some forms take the place of a whole stage
            whole = network.get_submodule(f"{network.LEVELS}.{number}")
            assert isinstance(whole, backbone.Stage | MatrixStage)
            whole.downsample = None
            self.stage: nn.Module = whole
        else:
            self.stage = network.get_submodule(network.stages()[number].blocks)

    def forward(self, x: Tensor) -> Tensor:
        """A map -> a map of the same shape."""
        found: Tensor | tuple[Tensor, Tensor] = self.stage(x)
        return found[0] if isinstance(found, tuple) else found

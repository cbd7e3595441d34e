"""Weights that a Slide model can inherit from a checkpoint of its parent network.

A Slide model is its parent with slide attention in some stages; everything else is the same. No
weight of a replaced attention is inherited, even if its name and shape fit: the rows of `qkv` have
another order in Swin and NAT than in slide attention (see slide_attention.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from slide_mobile import models
from slide_mobile.models.checkpoint import matching
from slide_mobile.models.checkpoint.variants import listed
from slide_mobile.models.layers.backbone import Backbone
from slide_mobile.models.layers.slide_attention import SlideAttention
from slide_mobile.models.meta import MetaInit

__all__ = ["Inheritance", "inheritance"]


@dataclass(frozen=True, kw_only=True)
class Replaced:
    """The slide attention of one stage, which a parent's file does not have."""

    stage: int  # from 1
    attentions: tuple[str, ...]  # paths of the modules
    leaves: tuple[str, ...]  # names of the parameters, the same in each of them
    where: str  # one pattern for all the paths

    @property
    def tensors(self) -> int:
        """Return the number of parameters."""
        return len(self.attentions) * len(self.leaves)


@dataclass(frozen=True, kw_only=True, eq=False)
class Inheritance:
    """How a parent's file fits into a Slide model.

    `plan` is the plan for the parent: the registered model without slide attention. `options` are
    the options with which models.create builds the Slide model itself.
    """

    plan: matching.Plan
    options: dict[str, Any]
    kept: tuple[str, ...]  # parameters that are inherited
    replaced: tuple[Replaced, ...]

    @property
    def stages(self) -> str:
        """Name the stages whose attention cannot be inherited: "stages 1 and 2"."""
        numbers = [part.stage for part in self.replaced]
        return f"stage{'s' * (len(numbers) > 1)} {listed(numbers)}"

    def missing(self) -> str:
        """Describe the parameters that have to be trained."""
        counts = ", ".join(f"{part.tensors} tensors in {part.where}" for part in self.replaced)
        return f"the slide attention of {self.stages} ({counts})"

    def notes(self) -> tuple[str, ...]:
        """Name every parameter that starts from seeded random values, one line per stage."""
        return tuple(
            f"stage {part.stage} starts from random slide attention: {', '.join(part.leaves)} of "
            f"{listed(list(part.attentions))}"
            for part in self.replaced
        )


def inheritance(
    tensors: Mapping[str, Tensor], name: str, input_size: tuple[int, int]
) -> Inheritance | None:
    """Find what the Slide model `name` can inherit; None if the file is not its parent's."""
    plan = matching.plan(tensors, name, input_size, slide_stages=0)
    if plan.mismatches:
        return None
    own = {key: value for key, value in plan.options.items() if key != "slide_stages"}
    with MetaInit():
        model = models.create(name, input_size=plan.min_size, num_classes=plan.num_classes, **own)
    replaced = _replaced(model)
    if not replaced:
        return None  # `name` has no slide attention: it is a parent network itself
    dropped = tuple(f"{path}." for part in replaced for path in part.attentions)
    kept = (key for key, _ in model.named_parameters() if not key.startswith(dropped))
    return Inheritance(plan=plan, options=own, kept=tuple(kept), replaced=replaced)


def _replaced(model: nn.Module) -> tuple[Replaced, ...]:
    """List the slide attention of each stage that has it."""
    assert isinstance(model, Backbone)
    attentions = {n: m for n, m in model.named_modules() if isinstance(m, SlideAttention)}
    found = []
    for stage, parts in enumerate(model.stages(), 1):
        paths = tuple(path for path in attentions if path.startswith(f"{parts.blocks}."))
        if paths:
            leaves = tuple(leaf for leaf, _ in attentions[paths[0]].named_parameters())
            where = f"{parts.blocks}.*.attn"
            found.append(Replaced(stage=stage, attentions=paths, leaves=leaves, where=where))
    return tuple(found)

"""A file of the network that a Slide model was made from: what of it the Slide model keeps.

Slide attention replaces the attention of some stages and leaves all else as it is. Nothing of a
replaced attention is taken over, even where a name and a shape agree: the rows of Swin's and NAT's
`qkv` are in another order than the slide attention's (see slide_attention.py).
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
    """The local attention of one stage, which a parent's file cannot have."""

    stage: int  # from 1
    attentions: tuple[str, ...]  # paths of the modules
    leaves: tuple[str, ...]  # names of the parameters, the same in each of them
    where: str  # all the paths as one pattern

    @property
    def tensors(self) -> int:
        """How many parameters there are."""
        return len(self.attentions) * len(self.leaves)


@dataclass(frozen=True, kw_only=True, eq=False)
class Inheritance:
    """How a parent's file goes into a Slide model.

    `plan` is for the parent, the registered model without any slide stage; `options` are those with
    which models.create builds the Slide model itself.
    """

    plan: matching.Plan
    options: dict[str, Any]
    kept: tuple[str, ...]  # parameters whose values the parent has
    replaced: tuple[Replaced, ...]

    @property
    def stages(self) -> str:
        """The stages that the parent's file cannot fill."""
        numbers = [part.stage for part in self.replaced]
        return f"stage{'s' * (len(numbers) > 1)} {listed(numbers)}"

    def missing(self) -> str:
        """What has to be trained, in a few words."""
        counts = ", ".join(f"{part.tensors} tensors in {part.where}" for part in self.replaced)
        return f"the slide attention of {self.stages} ({counts})"

    def notes(self) -> tuple[str, ...]:
        """Every parameter that keeps its seeded start, a line a stage."""
        return tuple(
            f"stage {part.stage} starts from random slide attention: {', '.join(part.leaves)} of "
            f"{listed(list(part.attentions))}"
            for part in self.replaced
        )


def inheritance(
    tensors: Mapping[str, Tensor], name: str, input_size: tuple[int, int]
) -> Inheritance | None:
    """What the Slide model `name` keeps of its parent's weights; None if these are not they."""
    plan = matching.plan(tensors, name, input_size, slide_stages=0)
    if plan.mismatches:
        return None
    own = {key: value for key, value in plan.options.items() if key != "slide_stages"}
    with MetaInit():
        model = models.create(name, input_size=plan.min_size, num_classes=plan.num_classes, **own)
    replaced = _replaced(model)
    if not replaced:
        return None  # the parent itself
    dropped = tuple(f"{path}." for part in replaced for path in part.attentions)
    kept = (key for key, _ in model.named_parameters() if not key.startswith(dropped))
    return Inheritance(plan=plan, options=own, kept=tuple(kept), replaced=replaced)


def _replaced(model: nn.Module) -> tuple[Replaced, ...]:
    """Stage by stage; stages without slide attention are left out."""
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

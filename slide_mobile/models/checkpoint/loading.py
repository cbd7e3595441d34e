"""Load checkpoints into our models.

Official files of LeapLabTHU/Slide-Transformer @6b1e184 (main.py, main_ema.py), LeapLabTHU/DAT
@2f31405 (models/slide.py), whai362/PVT @57e2dfa, microsoft/CSWin-Transformer @f111ae2 and
SHI-Labs/Neighborhood-Attention-Transformer @d334f5b, what other libraries make of the same networks
(namings.py), and variants: with the two depthwise paths already merged, with a separate path for V,
without some biases, with 7x7 or with global windows. A file does not name its variant; matching.py
and variants.py find it from the shapes of the tensors.
"""

import re
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from slide_mobile import models
from slide_mobile.errors import CheckpointError, UsageError
from slide_mobile.models.checkpoint import matching, misfit, parents
from slide_mobile.models.checkpoint.reading import Checkpoint
from slide_mobile.preprocess import Size, sides

__all__ = ["Fit", "fit", "identify", "inherit"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Fit:
    """A model in eval mode that carries a checkpoint's weights."""

    model: nn.Module
    name: str
    num_classes: int
    checkpoint: Checkpoint
    notes: tuple[str, ...]


def identify(checkpoint: Checkpoint, *, headless: bool = False) -> str:
    """Name the registered model whose weights a file holds; raises CheckpointError if none fits.

    With `headless` the file may lack the classifier.
    """
    if headless:
        checkpoint, _ = _backbone(checkpoint)
    name, plan = matching.closest(checkpoint.tensors, headless=headless)
    if plan.mismatches:
        why = misfit.unknown(checkpoint.tensors, headless=headless)
        raise CheckpointError(f"{checkpoint.path} {why}")
    return name


def fit(
    checkpoint: Checkpoint,
    name: str,
    *,
    num_classes: int | None = None,
    input_size: Size | None = None,
    headless: bool = False,
    **options: Any,
) -> Fit:
    """Build the registered model `name` with the checkpoint's weights.

    The file decides windows, kernel size, dim_reduction, a separate V path, the stages with slide
    attention, PVT's class token, CSwin's LePE and the number of classes; `num_classes` only checks
    that number. With `headless` the file may lack a classifier, whose weights are then zero.
    `options` are those of the network that no weight shows. Raises CheckpointError, UnknownName,
    UsageError.
    """
    size = models.spec(name).input_size if input_size is None else sides(input_size)
    left_out: tuple[str, ...] = ()
    if headless:
        checkpoint, left_out = _backbone(checkpoint)
    plan = matching.plan(checkpoint.tensors, name, size, headless=headless, **options)
    if plan.mismatches:
        raise CheckpointError(_explained(checkpoint, name, size, plan, headless=headless))
    if num_classes not in (None, plan.num_classes):
        raise CheckpointError(
            f"{checkpoint.path} has a head of {plan.num_classes} classes, not {num_classes}; "
            "leave out the number of classes"
        )
    _require_size(checkpoint, plan, size)
    weights = _weights(checkpoint, plan)
    return _filled(checkpoint, name, plan, plan.options, weights, notes=left_out)


def inherit(
    checkpoint: Checkpoint, name: str, *, input_size: Size | None = None, seed: int = 0
) -> Fit:
    """Build the Slide model `name` for training, from a checkpoint of its parent network.

    Slide attention gets seeded random weights, and the notes name each of these parameters. All
    other parameters get the parent's weights. Raises CheckpointError if the file is not a
    checkpoint of the parent, UnknownName, UsageError.
    """
    size = models.spec(name).input_size if input_size is None else sides(input_size)
    found = parents.inheritance(checkpoint.tensors, name, size)
    if found is None:
        plan = matching.plan(checkpoint.tensors, name, size)
        if not plan.mismatches:
            raise CheckpointError(
                f"{checkpoint.path} already has all weights of {name}, so there is nothing to "
                "inherit: use fit()"
            )
        raise CheckpointError(_explained(checkpoint, name, size, plan, headless=False))
    _require_size(checkpoint, found.plan, size)
    weights = _weights(checkpoint, found.plan)
    kept = {key: weights[key] for key in found.kept}
    return _filled(
        checkpoint, name, found.plan, found.options, kept, seed=seed, notes=found.notes()
    )


def _weights(checkpoint: Checkpoint, plan: matching.Plan) -> dict[str, Tensor]:
    """Return the file's tensors, and zeros for the parameters that it may leave out."""
    zeros = {key: torch.zeros(shape) for key, shape in plan.zeros.items()}
    return {**checkpoint.tensors, **zeros}


def _filled(
    checkpoint: Checkpoint,
    name: str,
    plan: matching.Plan,
    options: dict[str, Any],
    weights: dict[str, Tensor],
    *,
    seed: int = 0,
    notes: tuple[str, ...] = (),
) -> Fit:
    """Build the seeded model, and replace its weights by the given ones."""
    classes = plan.num_classes
    model = models.create(name, input_size=plan.min_size, num_classes=classes, seed=seed, **options)
    model.load_state_dict({**model.state_dict(), **weights})
    _set_eps(model, checkpoint)
    notes = checkpoint.notes + plan.notes + notes
    return Fit(model=model, name=name, num_classes=classes, checkpoint=checkpoint, notes=notes)


def _require_size(checkpoint: Checkpoint, plan: matching.Plan, size: tuple[int, int]) -> None:
    """Raise UsageError if the file's attention windows need a larger input."""
    if plan.min_size != size:
        asked, needed = (f"{height}x{width}" for height, width in (size, plan.min_size))
        raise UsageError(
            f"{checkpoint.path} has attention windows larger than the feature map at input size "
            f"{asked}; the smallest input size that works is {needed}"
        )


def _backbone(checkpoint: Checkpoint) -> tuple[Checkpoint, tuple[str, ...]]:
    """The checkpoint without what a detector or segmenter has beside its backbone, and a note."""
    parts = misfit.beside_backbone(checkpoint.tensors)
    if not parts:
        return checkpoint, ()
    starts = tuple(f"{part}." for part in parts)
    kept = {k: v for k, v in checkpoint.tensors.items() if not k.startswith(starts)}
    named = ", ".join(f"{part} ({count} tensors)" for part, count in parts.items())
    note = f"left out, because it is not the backbone: {named}"
    return replace(checkpoint, tensors=MappingProxyType(kept)), (note,)


def _set_eps(model: nn.Module, checkpoint: Checkpoint) -> None:
    """Give norms the eps that they have in the library which the file comes from."""
    for pattern, eps in () if checkpoint.naming is None else checkpoint.naming.eps:
        for path, module in model.named_modules():
            if isinstance(module, nn.LayerNorm) and re.search(pattern, path):
                module.eps = eps


def _explained(
    checkpoint: Checkpoint,
    name: str,
    size: tuple[int, int],
    plan: matching.Plan,
    *,
    headless: bool,
) -> str:
    """The message for a file that does not fit."""
    why = misfit.explain(checkpoint.tensors, name, size, plan, headless=headless)
    return f"{checkpoint.path} {why}"

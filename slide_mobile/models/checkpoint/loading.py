"""Load official checkpoint files into our models.

Reads the files of LeapLabTHU/Slide-Transformer @6b1e184 (main.py, main_ema.py), LeapLabTHU/DAT
@2f31405 (models/slide.py), whai362/PVT @57e2dfa, microsoft/CSWin-Transformer @f111ae2 and
SHI-Labs/Neighborhood-Attention-Transformer @d334f5b. Also reads common variants of them: weights
inside containers or under prefixes, in fp16, with the two depthwise paths already merged, with a
separate path for V, without some biases, with 7x7 or with global windows. A file does not name its
variant; matching.py and variants.py find it from the shapes of the tensors.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor, nn

from slide_mobile import models
from slide_mobile.errors import CheckpointError, UsageError
from slide_mobile.isolation import files, isolated
from slide_mobile.models.checkpoint import matching, parents, safetensors_header, torch_file
from slide_mobile.models.checkpoint.unpickle import Stored, Unreadable, shown

__all__ = ["Checkpoint", "Fit", "fit", "inherit", "read"]

# Keys under which training scripts store the weights: main.py, main_ema.py, timm, Lightning.
EMA = ("state_dict_ema", "model_ema", "ema_state_dict")
RAW = ("model", "state_dict", "model_state_dict", "module")
PREFIX = re.compile(r"^(?:(?:module|model|backbone|_orig_mod)\.)+")
# Tables that the model builds itself, and counters: not weights.
BUFFER = re.compile(
    r"(?:^|\.)(?:relative_position_index|relative_coords_table|attn_mask|atten_mask_matrix"
    r"|n_averaged|num_batches_tracked)$"
)
# The file's sha256, its weights by plain name, and the choices that were made for the user.
Contents = tuple[str, dict[str, NDArray[np.float32]], tuple[str, ...]]
FLOATS = (torch.float32, torch.float16, torch.bfloat16, torch.float64)


@dataclass(frozen=True, kw_only=True, eq=False)
class Checkpoint:
    """The weights of a file: finite float32 tensors by plain name, without buffers."""

    path: Path
    sha256: str
    tensors: Mapping[str, Tensor]
    notes: tuple[str, ...] = ()  # choices that were made for the user


@dataclass(frozen=True, kw_only=True, eq=False)
class Fit:
    """A model in eval mode that carries a checkpoint's weights."""

    model: nn.Module
    name: str
    num_classes: int
    checkpoint: Checkpoint
    notes: tuple[str, ...]


def read(path: Path, *, ema: bool = True, ours: bool = False) -> Checkpoint:
    """Read a `.pth`, `.pt` or `.safetensors` file; nothing in it is executed.

    If a file holds both, `ema` takes the averaged weights rather than the raw ones: main_ema.py
    writes both, and its authors evaluate the averaged ones. A file of `ours`, which is a part of
    this package, is read without a child process. Raises CheckpointError.
    """
    sha256, arrays, notes = (_named if ours else _isolated)(path, ema)
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    return Checkpoint(path=path, sha256=sha256, tensors=MappingProxyType(tensors), notes=notes)


def fit(
    checkpoint: Checkpoint,
    name: str,
    *,
    num_classes: int | None = None,
    input_size: tuple[int, int] | None = None,
    headless: bool = False,
) -> Fit:
    """Build the registered model `name` with the checkpoint's weights.

    The file decides windows, kernel size, dim_reduction, a separate V path, the stages with slide
    attention, PVT's class token, CSwin's LePE and the number of classes; `num_classes` only checks
    that number. With `headless` the file may lack a classifier, whose weights are then zero. Raises
    CheckpointError, UnknownName, UsageError.
    """
    size = input_size or models.spec(name).input_size
    plan = matching.plan(checkpoint.tensors, name, size, headless=headless)
    if plan.mismatches:
        raise CheckpointError(_explain(checkpoint, name, size, plan.mismatches))
    if num_classes not in (None, plan.num_classes):
        raise CheckpointError(
            f"{checkpoint.path} has a head of {plan.num_classes} classes, not {num_classes}; "
            "leave out the number of classes"
        )
    _require_size(checkpoint, plan, size)
    return _filled(checkpoint, name, plan, plan.options, _weights(checkpoint, plan))


def inherit(
    checkpoint: Checkpoint, name: str, *, input_size: tuple[int, int] | None = None, seed: int = 0
) -> Fit:
    """Build the Slide model `name` for training, from a checkpoint of its parent network.

    Slide attention gets seeded random weights, and the notes name each of these parameters. All
    other parameters get the parent's weights. Raises CheckpointError if the file is not a
    checkpoint of the parent, UnknownName, UsageError.
    """
    size = input_size or models.spec(name).input_size
    found = parents.inheritance(checkpoint.tensors, name, size)
    if found is None:
        plan = matching.plan(checkpoint.tensors, name, size)
        if not plan.mismatches:
            raise CheckpointError(
                f"{checkpoint.path} already has all weights of {name}, so there is nothing to "
                "inherit: use fit()"
            )
        raise CheckpointError(_explain(checkpoint, name, size, plan.mismatches))
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


def _named(path: Path, ema: bool) -> Contents:
    """Read a file; errors name it."""
    try:
        return _read(path, ema=ema)
    except CheckpointError as error:
        raise CheckpointError(f"{path} {error}") from error
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror})") from error


_isolated = isolated(error=CheckpointError, seconds=15)(_named)  # in a child process


def _read(path: Path, *, ema: bool) -> Contents:
    """Read a file; the messages of its errors continue a sentence that begins with the path."""
    if not path.exists():
        raise CheckpointError("does not exist")
    if not path.is_file():
        raise CheckpointError("is not a file; give the .pth, .pt or .safetensors file itself")
    with files.opened(path, most=files.MOST_WEIGHTS_BYTES) as file:
        head = file.read(16)
        file.seek(0)
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if not head:
        raise CheckpointError("is empty")
    notes: list[str] = []
    found: Mapping[str, Tensor | Unreadable]
    if head[8:9] == b"{":  # safetensors: the header's length in 8 bytes, then its JSON
        safetensors_header.require_sane(path)
        try:
            found = safetensors.torch.load_file(path)
        except SafetensorError as error:
            raise CheckpointError(f"is truncated or damaged ({shown(error)})") from error
    elif head.startswith((torch_file.ZIP_MAGIC, b"\x80")):
        containers = EMA + RAW if ema else RAW + EMA
        found = torch_file.load(path, lambda root: _unwrap(root, containers, notes))
    else:
        start = shown(head.decode("latin1"))
        raise CheckpointError(f"is not a .pth, .pt or .safetensors file; it begins with {start}")
    arrays = {name: tensor.numpy() for name, tensor in _clean(found).items()}
    return sha256, arrays, tuple(notes)


def _unwrap(root: object, containers: tuple[str, ...], notes: list[str]) -> Mapping[str, object]:
    """Return the innermost dict of tensors; if there was a choice, add a line to `notes`."""
    for _ in containers:  # a file may contain itself
        if not isinstance(root, dict):
            break
        # An empty dict is an unused container; an empty object of a class is a pickled module.
        inner = {c: root[c] for c in containers if isinstance(root.get(c), dict)}
        found = [c for c, value in inner.items() if value or type(value) is not dict]
        if not found:
            break
        if len(found) > 1:
            notes.append(f"weights taken from {found[0]!r}; the file also has {found[1:]}")
        root = root[found[0]]
    state = root.items() if isinstance(root, dict) else ()
    weights = {k: v for k, v in state if isinstance(k, str) and isinstance(v, Stored | Unreadable)}
    if weights:
        return weights
    what = f"a pickled {type(root).__module__}.{type(root).__name__}"
    if type(root) is dict:
        what = f"a dict of {', '.join(map(str, list(root)[:5])) or 'nothing'}"
    elif isinstance(root, Stored | Unreadable):
        what = "one tensor without a name"
    raise CheckpointError(
        f"holds {shown(what)} instead of weights; save the state_dict() of the model"
    )


def _clean(found: Mapping[str, Tensor | Unreadable]) -> Mapping[str, Tensor]:
    """Strip prefixes, drop buffers, and convert to float32; raises CheckpointError for NaN."""
    tensors: dict[str, Tensor] = {}
    for key, tensor in found.items():
        name = PREFIX.sub("", key)
        if BUFFER.search(name):
            continue
        if name in tensors:
            raise CheckpointError(f"has more than one tensor for {shown(name)}")
        if isinstance(tensor, Unreadable) or tensor.dtype not in FLOATS:
            kind = tensor.kind if isinstance(tensor, Unreadable) else tensor.dtype
            raise CheckpointError(
                f"has {shown(kind)} values in {shown(name)}; weights are float32, float16, "
                "bfloat16 or float64"
            )
        tensors[name] = tensor.to(torch.float32)
        if not tensors[name].isfinite().all():
            raise CheckpointError(f"has NaN or infinite values in {shown(name)}")
    return tensors


def _explain(
    checkpoint: Checkpoint, name: str, size: tuple[int, int], mismatches: tuple[str, ...]
) -> str:
    """Say in one line what does not fit, and which model the weights may belong to."""
    other, its_plan = matching.closest(checkpoint.tensors)
    found = parents.inheritance(checkpoint.tensors, name, size)
    if found is not None:
        known = not its_plan.mismatches
        return (
            f"{checkpoint.path} holds {other if known else 'the parent of ' + name}: "
            f"{name} also needs {found.missing()}; train it "
            f"(slide_mobile.models.checkpoint.inherit){', or convert ' + other if known else ''}"
        )
    if "head.weight" not in checkpoint.tensors and its_plan.likeness > 0.5:
        extra = checkpoint.tensors.keys() - matching.as_registered(other).keys()
        norms = sorted(key for key in extra if re.match(r"norm\d\.weight$", key))
        kind = "a backbone"
        if norms:
            kind = f"the backbone of a detector ({', '.join(norms)} instead of norm.weight)"
        return (
            f"{checkpoint.path} has no classifier head (head.weight); it is {kind}: "
            "give the checkpoint of a classifier"
            + ("" if norms else ", or convert the feature maps alone: --task features")
        )
    more = f"; and {len(mismatches) - 3} more" if len(mismatches) > 3 else ""
    if other == name or not its_plan.likeness:
        hint = "no other model fits better"
    elif its_plan.mismatches:
        hint = f"the closest model is {other}"
    else:
        hint = f"these are weights of {other}"
    return f"{checkpoint.path} does not fit {name}: {'; '.join(mismatches[:3])}{more}; {hint}"

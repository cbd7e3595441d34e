"""Match a file's tensors to a registered model, and list where they do not fit.

Only shapes are compared, so models are built without memory for their weights (meta.py).
"""

import functools
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from slide_mobile import models
from slide_mobile.models.checkpoint.unpickle import shown
from slide_mobile.models.checkpoint.variants import Shapes, read_off
from slide_mobile.models.layers.backbone import STRIDE_PX, Backbone
from slide_mobile.models.layers.slide_attention import SlideAttention
from slide_mobile.models.layers.window_attention import WindowAttention
from slide_mobile.models.meta import MetaInit

__all__ = ["Plan", "as_registered", "closest", "plan", "shapes"]

# A file may lack these: qkv_bias or rpb was off, or a convolution had no bias. In CSwin's own
# blocks qkv is not inside a module `attn`.
OPTIONAL = re.compile(
    r"\.(?:qkv|attn\.(?:q|kv|dep_conv[12]?|get_v))\.bias$|\.attn\.relative_position_bias_table$"
)
MERGED = re.compile(r"\.attn\.dep_conv1\.(?:weight|bias)$")
STAGE = re.compile(r"^layers\.(\d+)\.blocks\.0\.attn$")  # Swin, the only family with windows
# Models that are compared in full: models of one size differ only in the attention of some stages.
CANDIDATES = 5


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """How a file's tensors fit a registered model, or why they do not."""

    options: dict[str, Any]  # for models.create
    num_classes: int
    min_size: tuple[int, int]  # the requested input size, or a larger one that the windows need
    zeros: Shapes  # parameters that the file leaves out and that are zero
    notes: tuple[str, ...]
    wrong: tuple[str, ...]  # a line for each tensor of another shape
    missing: tuple[str, ...]
    surplus: tuple[str, ...]
    likeness: float  # share of the keys whose shapes are equal, in [0, 1]

    @property
    def mismatches(self) -> tuple[str, ...]:
        """All lines: other shapes, then missing, then surplus tensors."""
        return self.wrong + self.missing + self.surplus


def plan(
    tensors: Mapping[str, Tensor],
    name: str,
    input_size: tuple[int, int],
    *,
    headless: bool = False,
    **given: Any,
) -> Plan:
    """Find out from the shapes how to build the registered model `name`, and what does not fit.

    With `headless` the file may lack the classifier. `given` are options for models.create that
    are not read from the file.
    """
    found = shapes(tensors)
    classes = _rows(found, "head.weight") or models.spec(name).num_classes
    build = functools.partial(models.create, name, num_classes=classes)
    with MetaInit():
        model = build(input_size=input_size, **given)
        read, notes = read_off(model, found)
        options = {**given, **read}
        if read:
            model = build(input_size=input_size, **options)
        local = _local_attention(model, found)
        windows, min_size = _windows(model, found, input_size)
        if windows:
            local["windows"] = windows
            sides = ", ".join(f"{w}x{w} in stage {i}" for i, w in enumerate(windows, 1) if w > 1)
            notes += (f"attention windows as in the file: {sides}",)
        options |= local
        if local or min_size != input_size:
            model = build(input_size=min_size, **options)
    expected = shapes(dict(model.named_parameters()))
    zeros, left_out = _zeros(expected, found)
    if headless:
        assert isinstance(model, Backbone)
        unread = {
            key: shape
            for key, shape in expected.items()
            if key not in found and key.startswith(tuple(f"{part}." for part in model.classifier()))
        }
        zeros = {**zeros, **unread}
    wrong, missing, surplus = _mismatches(expected, {**found, **zeros})
    return Plan(
        options=options,
        num_classes=classes,
        min_size=min_size,
        zeros=zeros,
        notes=notes + left_out,
        wrong=wrong,
        missing=missing,
        surplus=surplus,
        likeness=_likeness(expected, found),
    )


def closest(tensors: Mapping[str, Tensor], *, headless: bool = False) -> tuple[str, Plan]:
    """Return the registered model that is most like a file; exact fits come first.

    With `headless` the file may lack the classifier.
    """
    found = shapes(tensors)
    # Building models takes most of the time, so few are built, and fewer are compared in full.
    likeness = {name: _likeness(as_registered(name), found) for name in _relatives(found)}
    names = sorted(likeness, key=lambda name: -likeness[name])
    names = names[: 1 if likeness[names[0]] == 1 else CANDIDATES]
    plans = {
        name: plan(tensors, name, models.spec(name).input_size, headless=headless) for name in names
    }

    def score(item: tuple[str, Plan]) -> tuple[bool, float, int]:
        return not item[1].mismatches, item[1].likeness, -len(item[1].options)

    return max(plans.items(), key=score)


def _relatives(found: Shapes) -> list[str]:
    """List the models of the network whose parameter names match the file's keys best."""
    starts = [key.partition(".")[0] for key in found]
    specs = [models.spec(name) for name in models.names(tests=True)]
    # Every network has a small test model, which is the fastest to build.
    agreement = {}
    for spec in specs:
        if spec.preset == "test":
            own = {key.partition(".")[0] for key in as_registered(spec.name)}
            agreement[spec.network] = sum(start in own for start in starts)
    network = max(agreement, key=lambda one: agreement[one])
    return [spec.name for spec in specs if spec.network is network and spec.preset != "test"]


def shapes(tensors: Mapping[str, Tensor]) -> Shapes:
    """Return the shape of each tensor, by key."""
    return {key: tuple(tensor.shape) for key, tensor in tensors.items()}


@functools.cache
def as_registered(name: str) -> Shapes:
    """Return the shapes of a registered model's parameters, by name."""
    with MetaInit():
        return shapes(dict(models.create(name).named_parameters()))


def _likeness(expected: Shapes, found: Shapes) -> float:
    """Return the fraction of keys, in 0..1, that both have with the same shape."""
    return len(expected.items() & found.items()) / len(expected.keys() | found.keys())


def _rows(found: Shapes, key: str) -> int:
    """Return the first dimension, 0 if there is none, or if the tensor is empty.

    The other dimensions of an empty tensor cost no memory, so a file could state any size.
    """
    shape = found.get(key, ())
    return shape[0] if shape and all(shape) else 0


def _local_attention(model: nn.Module, found: Shapes) -> dict[str, Any]:
    """Return the option for a slide attention with another kernel size, reduction or V path."""
    local = [(n, m) for n, m in model.named_modules() if isinstance(m, SlideAttention)]
    if not local:
        return {}
    name, module = local[0]
    k = (0, *found.get(f"{name}.dep_conv.weight", ()))[-1]
    reduction = 3 * module.dim // max(1, _rows(found, f"{name}.qkv.weight"))
    separate_v = any(key.endswith(".attn.dep_conv2.weight") for key in found)
    usual = (module.k, module.dim // module.inner_dim, module.dep_conv2 is not None)
    buildable = k % 2 and 1 < k < 32 and reduction
    buildable = buildable and not any(m.dim % (reduction * m.num_heads) for _, m in local)
    if (k, reduction, separate_v) == usual or not buildable:
        return {}
    return {
        "local_attention": functools.partial(
            SlideAttention, k=k, dim_reduction=reduction, separate_v=separate_v
        )
    }


def _windows(
    model: nn.Module, found: Shapes, input_size: tuple[int, int]
) -> tuple[tuple[int, ...], tuple[int, int]]:
    """Return the window of each stage, and the input size that the windows need.

    The windows are empty if the model already has them. A position table has
    (2 * window - 1) ** 2 rows. Stages with slide attention have no window and get 1.
    """
    windows: list[int] = []
    usual, needed_px = True, 0
    for name, module in model.named_modules():
        if not STAGE.match(name):
            continue
        if not isinstance(module, WindowAttention):
            windows.append(1)
            continue
        table = found.get(f"{name}.relative_position_bias_table", ())
        rows = table[0] if len(table) == 2 else 0  # the table of slide attention has six dimensions
        side = math.isqrt(rows)
        if side % 2 == 0 or side * side != rows:
            return (), input_size
        windows.append((side + 1) // 2)
        usual = usual and windows[-1] == module.window
        stride_px = input_size[0] // module.map_size[0]
        needed_px = max(needed_px, windows[-1] * stride_px)
    needed_px = -(-needed_px // STRIDE_PX) * STRIDE_PX
    height, width = input_size
    return () if usual else tuple(windows), (max(height, needed_px), max(width, needed_px))


def _zeros(expected: Shapes, found: Shapes) -> tuple[Shapes, tuple[str, ...]]:
    """Return the parameters that a file may leave out, and one note for each reason."""
    merged, absent = [], []
    for key in expected.keys() - found.keys():
        path, _, leaf = key.rpartition(".")
        attention = path.rpartition(".")[0]
        weight = f"{path}.weight"
        if leaf == "relative_position_bias_table":
            weight = f"{path}.dep_conv.weight"  # only local attention may lack its table
        paths = {p for p in ("", "1", "2") if f"{attention}.dep_conv{p}.weight" in found}
        if MERGED.search(key) and paths == {""}:
            merged.append(key)
        elif OPTIONAL.search(key) and weight in found:
            absent.append(key)
    notes = []
    if merged:
        where = sorted({key.partition(".dep_conv1.")[0] for key in merged})
        notes.append(f"shift and deformation are already merged in the file: {', '.join(where)}")
    if absent:
        notes.append(f"not in the file, so set to zero: {', '.join(sorted(absent))}")
    return {key: expected[key] for key in merged + absent}, tuple(notes)


def _mismatches(expected: Shapes, found: Shapes) -> tuple[tuple[str, ...], ...]:
    """Return one line per key that does not fit: wrong shapes, missing and unexpected ones."""
    wrong = [
        f"{key} is {found[key]}, expected {shape}"
        for key, shape in expected.items()
        if key in found and found[key] != shape
    ]
    missing = [f"{k} {v} is missing" for k, v in expected.items() if k not in found]
    surplus = [f"{shown(k)} {v} is not expected" for k, v in found.items() if k not in expected]
    return tuple(wrong), tuple(missing), tuple(surplus)

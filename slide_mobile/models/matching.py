"""What a file's tensors say about the model they belong to, and where they disagree with it.

Only shapes are compared; the models are built on the meta device, without memory or time.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from slide_mobile import models
from slide_mobile.models.backbone import STRIDE_PX
from slide_mobile.models.slide_attention import SlideAttention
from slide_mobile.models.unpickle import shown
from slide_mobile.models.window_attention import WindowAttention

__all__ = ["Plan", "closest", "plan"]

Shapes = Mapping[str, tuple[int, ...]]

# Left out of a file where qkv_bias or rpb was off, or a convolution had no bias.
OPTIONAL = re.compile(r"\.attn\.(?:(?:qkv|dep_conv[12]?)\.bias|relative_position_bias_table)$")
MERGED = re.compile(r"\.attn\.dep_conv1\.(?:weight|bias)$")
STAGE = re.compile(r"^layers\.(\d+)\.blocks\.0\.attn$")


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """How a file's tensors go into a registered model, or why they do not."""

    options: dict[str, Any]  # for models.create
    num_classes: int
    min_size: tuple[int, int]  # the input size asked for, or the larger one the windows need
    zeros: Shapes  # parameters that the file leaves out
    notes: tuple[str, ...]
    mismatches: tuple[str, ...]
    likeness: float  # share of the keys whose shapes are equal, in [0, 1]


def plan(tensors: Mapping[str, Tensor], name: str, input_size: tuple[int, int]) -> Plan:
    """Read off the shapes how to build the registered model `name`, and what would not fit."""
    found = {key: tuple(tensor.shape) for key, tensor in tensors.items()}
    classes = _rows(found, "head.weight") or models.spec(name).num_classes
    with torch.device("meta"):
        model = models.create(name, input_size=input_size, num_classes=classes)
        options = _local_attention(model, found)
        windows, min_size = _windows(model, found, input_size)
        notes: tuple[str, ...] = ()
        if windows:
            options["windows"] = windows
            sides = ", ".join(f"{w}x{w} in stage {i}" for i, w in enumerate(windows, 1) if w > 1)
            notes = (f"attention windows as in the file: {sides}",)
        if options or min_size != input_size:
            model = models.create(name, input_size=min_size, num_classes=classes, **options)
    expected = {key: tuple(parameter.shape) for key, parameter in model.named_parameters()}
    zeros, left_out = _zeros(expected, found)
    return Plan(
        options=options,
        num_classes=classes,
        min_size=min_size,
        zeros=zeros,
        notes=notes + left_out,
        mismatches=_mismatches(expected, {**found, **zeros}),
        likeness=len(expected.items() & found.items()) / len(expected.keys() | found.keys()),
    )


def closest(tensors: Mapping[str, Tensor]) -> tuple[str, Plan]:
    """Return the registered model that a file resembles most; exact fits come first."""
    plans = {name: plan(tensors, name, models.spec(name).input_size) for name in models.names()}

    def score(item: tuple[str, Plan]) -> tuple[bool, float, int]:
        return not item[1].mismatches, item[1].likeness, -len(item[1].options)

    return max(plans.items(), key=score)


def _rows(found: Shapes, key: str) -> int:
    """First dimension, 0 if there is none."""
    return (*found.get(key, ()), 0)[0]


def _local_attention(model: nn.Module, found: Shapes) -> dict[str, Any]:
    """Kernel size, dim_reduction and V path of the slide attention, where they are not usual."""
    local = [(n, m) for n, m in model.named_modules() if isinstance(m, SlideAttention)]
    if not local:
        return {}
    name, module = local[0]
    k = (0, *found.get(f"{name}.dep_conv.weight", ()))[-1]
    reduction = 3 * module.dim // max(1, _rows(found, f"{name}.qkv.weight"))
    separate_v = any(key.endswith(".attn.dep_conv2.weight") for key in found)
    usual = (module.k, module.dim // module.inner_dim, module.dep_conv2 is not None)
    buildable = k % 2 and k < 32 and reduction
    buildable = buildable and not any(m.dim % (reduction * m.num_heads) for _, m in local)
    if (k, reduction, separate_v) == usual or not buildable:
        return {}
    return {
        "local_attention": partial(
            SlideAttention, k=k, dim_reduction=reduction, separate_v=separate_v
        )
    }


def _windows(
    model: nn.Module, found: Shapes, input_size: tuple[int, int]
) -> tuple[tuple[int, ...], tuple[int, int]]:
    """Window of each stage, or nothing if the model has them already; the input size they need.

    A table has (2 * window - 1) ** 2 rows. Slide stages have no window: 1 stands there.
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
        rows = table[0] if len(table) == 2 else 0  # a local attention's has six dimensions
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
    """Parameters that a file may leave out, with one note for each reason."""
    merged, absent = [], []
    for key in expected.keys() - found.keys():
        attention, _, leaf = key.rpartition(".attn.")
        weight = f"{attention}.attn.{leaf.removesuffix('bias')}weight"
        if leaf == "relative_position_bias_table":
            weight = f"{attention}.attn.dep_conv.weight"  # only local attention may lack its table
        paths = {p for p in ("", "1", "2") if f"{attention}.attn.dep_conv{p}.weight" in found}
        if MERGED.search(key) and paths == {""}:
            merged.append(key)
        elif OPTIONAL.search(key) and weight in found:
            absent.append(key)
    notes = []
    if merged:
        where = sorted({key.partition(".dep_conv1.")[0] for key in merged})
        notes.append(f"shift and deformation are already merged in {', '.join(where)}")
    if absent:
        notes.append(f"not in the file, taken as zero: {', '.join(sorted(absent))}")
    return {key: expected[key] for key in merged + absent}, tuple(notes)


def _mismatches(expected: Shapes, found: Shapes) -> tuple[str, ...]:
    """One line for each key, the most telling first."""
    wrong = [
        f"{key} is {found[key]}, expected {shape}"
        for key, shape in expected.items()
        if key in found and found[key] != shape
    ]
    missing = [f"{k} {v} is missing" for k, v in expected.items() if k not in found]
    surplus = [f"{shown(k)} {v} is not expected" for k, v in found.items() if k not in expected]
    return tuple(wrong + missing + surplus)

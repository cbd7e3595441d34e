"""Models by name, with what the paper says about each."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

from slide_mobile.errors import UnknownName
from slide_mobile.models.catalogue import Paper, Preset
from slide_mobile.preprocess import Size, sides

# The files that register models, in the order in which models are listed.
FAMILIES = ("slide_cswin", "slide_nat", "slide_pvt", "slide_pvt_v2", "slide_swin")


@dataclass(frozen=True, kw_only=True)
class Spec:
    """One entry of the registry.

    `network` is shared by the models of a family and by their parents, which differ in options.
    `build(**options)` accepts at least `input_size` (height, width in pixels) and `num_classes`.
    `preset` says where the configuration comes from: the paper's tables, the published yaml, a
    parent network to measure against, the bundled demo, or a small network for tests. `notes` say
    what was chosen where nothing is published, and why a figure differs from the paper's.
    """

    name: str
    family: str
    network: Callable[..., nn.Module]
    build: Callable[..., nn.Module]
    preset: Preset
    input_size: tuple[int, int]
    num_classes: int
    paper: Paper
    notes: tuple[str, ...]


_SPECS: dict[str, Spec] = {}


def create(
    name: str,
    *,
    input_size: Size | None = None,
    num_classes: int | None = None,
    seed: int = 0,
    **options: object,
) -> nn.Module:
    """Build a model in eval mode, with seeded random weights (norms and biases included).

    `input_size` is the side of a square, or (height, width), in pixels; it and `num_classes`
    default to the registry's. The global random state is left as it was. Raises UnknownName,
    UsageError.
    """
    entry = spec(name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = entry.build(
            input_size=entry.input_size if input_size is None else sides(input_size),
            num_classes=entry.num_classes if num_classes is None else num_classes,
            **options,
        )
    return model.eval()


def names(*, tests: bool = False) -> list[str]:
    """Names of the models, family by family; the tests' own only on request."""
    return [name for name, spec in _registered().items() if tests or spec.preset != "test"]


def spec(name: str) -> Spec:
    """Look up a model; raises UnknownName."""
    if name not in _registered():
        raise UnknownName("model", name, names())
    return _SPECS[name]


def register(spec: Spec) -> None:
    """Make a model available by name; raises ValueError for a name that is taken."""
    if spec.name in _SPECS:
        raise ValueError(f"model {spec.name!r} is registered twice")
    _SPECS[spec.name] = spec


def declare(
    name: str,
    family: str,
    network: Callable[..., nn.Module],
    config: dict[str, Any],
    preset: Preset,
    *,
    input_size: tuple[int, int] = (224, 224),
    num_classes: int = 1000,
    paper: tuple[float | None, float | None, float | None] = (None, None, None),
    notes: tuple[str, ...] = (),
    **extra: Any,
) -> None:
    """Register a configuration of a network; `paper` is (params in M, MACs in G, top-1 in %)."""
    register(
        Spec(
            name=name,
            family=family,
            network=network,
            build=partial(network, **config, **extra),
            preset=preset,
            input_size=input_size,
            num_classes=num_classes,
            paper=Paper(params_m=paper[0], macs_g=paper[1], top1=paper[2]),
            notes=notes,
        )
    )


def _registered() -> dict[str, Spec]:
    """All entries, in the order of FAMILIES, whichever file was imported first."""
    for family in FAMILIES:
        importlib.import_module(f"slide_mobile.models.{family}")
    place = {f"slide_mobile.models.{family}": i for i, family in enumerate(FAMILIES)}
    return dict(sorted(_SPECS.items(), key=lambda item: place[item[1].network.__module__]))

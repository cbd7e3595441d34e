"""Models by name, with what the paper says about each."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from torch import nn

from slide_mobile.errors import UnknownName

Preset = Literal["paper", "release", "baseline", "demo", "test"]


@dataclass(frozen=True, kw_only=True)
class Paper:
    """A row of the paper's tables; None where it prints nothing."""

    params_m: float | None = None
    macs_g: float | None = None
    top1: float | None = None


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
    input_size: tuple[int, int] = (224, 224)
    num_classes: int = 1000
    paper: Paper = Paper()
    notes: tuple[str, ...] = ()


_SPECS: dict[str, Spec] = {}


def register(spec: Spec) -> None:
    """Make a model available by name."""
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


def names(*, tests: bool = False) -> list[str]:
    """Registered names, in the order of registration; the tests' own only on request."""
    return [name for name, spec in _SPECS.items() if tests or spec.preset != "test"]


def spec(name: str) -> Spec:
    """Look up a model; raises UnknownName."""
    if name not in _SPECS:
        raise UnknownName("model", name, names())
    return _SPECS[name]

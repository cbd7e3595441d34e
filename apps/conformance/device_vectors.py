"""What a phone says around a measurement, and what slide_mobile makes of it."""

from collections.abc import Iterator
from typing import Any

import msgspec

from slide_mobile.bench import device
from slide_mobile.bench.device import Fingerprint, Fitness
from slide_mobile.bench.statistics import SustainedPoint

Json = dict[str, Any]


def cases() -> Json:
    """Give `fitness`, `fingerprints` and `endurance`."""
    return {
        "fitness": [_fitness(change) for change in _devices()],
        "fingerprints": [_fingerprint(*numbers) for numbers in _pairs()],
        "endurance": [_endurance(*case) for case in _curves()],
    }


def _devices() -> Iterator[Json]:
    """What differs from a good phone."""
    yield {}
    yield {"power_saver": True}
    yield {"power_saver": None, "charge_percent": None, "charging": None, "thermal": "unknown"}
    yield {"charge_percent": 19}
    yield {"charge_percent": 20}
    yield {"charge_percent": 5, "charging": True}
    yield {"charge_percent": 5, "charging": None}
    yield {"debuggable": True}
    yield {"emulator": True}
    yield {"thermal": "fair", "waited_seconds": 30.0}
    yield {"thermal": "serious", "waited_seconds": 119.6}
    yield {
        "power_saver": True, "charge_percent": 0, "thermal": "critical", "debuggable": True,
        "emulator": True,
    }  # fmt: skip


def _fitness(change: Json) -> Json:
    plain: Json = {
        "power_saver": False, "charge_percent": 80, "charging": False, "thermal": "nominal",
        "debuggable": False, "emulator": False, "waited_seconds": 0.0, **change,
    }  # fmt: skip
    # The class refuses reasons that do not follow: it is asked for them first.
    reasons = Fitness.reasons(msgspec.convert(plain | {"why_unfit": []}, _Unchecked))
    return msgspec.to_builtins(Fitness(**plain, why_unfit=tuple(reasons)))  # type: ignore[no-any-return]


class _Unchecked(Fitness, frozen=True, kw_only=True):
    """A device before it has a verdict."""

    def __post_init__(self) -> None:
        """Take any reasons."""


def _pairs() -> Iterator[tuple[bool, float, float]]:
    """Whether the outputs are equal, and milliseconds of CPU and accelerator."""
    yield True, 5.0, 5.0
    yield True, 5.0, 5.4
    yield True, 5.0, 5.6
    yield True, 5.0, 4.6
    yield True, 5.0, 4.5
    yield True, 50.0, 1.0
    yield False, 5.0, 5.0


def _fingerprint(equal: bool, cpu_ms: float, own_ms: float) -> Json:
    found = Fingerprint(
        equal_to_cpu=equal, max_abs=0.0 if equal else 0.25, cpu_ms=cpu_ms, own_ms=own_ms
    )
    return {**msgspec.to_builtins(found), "why_invalid": found.reasons("gpu")}


def _curves() -> Iterator[tuple[list[int], list[float], Any]]:
    """Seconds, their medians, and the heat at the end."""
    half = list(range(30))
    yield half, [5.0] * 30, "nominal"
    yield half, [5 + second / 16 for second in half], "fair"
    yield half, [5.0] * 30, "serious"
    yield half, [5.5] * 12 + [5.0] * 18, "nominal"
    yield list(range(20)), [5.0] * 10 + [5.5] * 10, "nominal"
    yield list(range(20)), [5.0] * 10 + [5.51] * 10, "nominal"
    yield list(range(19)), [5.0] * 19, "nominal"  # too short
    yield [0, 3, 7, 15, 22, 29], [5.0, 6.0, 5.5, 7.0, 8.0, 9.0], "unknown"
    yield [12, 24], [12000.0, 12000.0], "nominal"  # none ends in the first window
    yield [], [], "nominal"


def _endurance(seconds: list[int], medians: list[float], after: Any) -> Json:
    curve = [
        SustainedPoint(second=second, p50_ms=ms, runs=10)
        for second, ms in zip(seconds, medians, strict=True)
    ]
    found = device.endurance(curve, after)
    return {
        "sustained": msgspec.to_builtins(curve),
        "thermal_after": after,
        "endurance": msgspec.to_builtins(found),
    }

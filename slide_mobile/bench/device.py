"""What an app says about a result, beside its latencies.

Whether the phone was fit to measure, its memory, what it made of the file, where it computed, and
how it lasted. The apps compute the same in Swift and Kotlin; apps/conformance/device.json holds all
three to each other.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta, Struct

from slide_mobile.artifact.documents import (
    Count,
    Fraction,
    Milliseconds,
    Name,
    NonNegative,
    Positive,
    Sha256,
    Text,
)
from slide_mobile.bench import statistics
from slide_mobile.bench.statistics import Latency, SustainedPoint, Thermal

LEAST_CHARGE = 20  # percent; phones save power below it
WINDOW_SECONDS = 10  # at either end of a sustained run
SAME_SPEED = 1.10  # as far apart as the latencies of one accelerator may be


class Fitness(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether the device was fit before a measurement; null is what it does not say."""

    power_saver: bool | None
    charge_percent: Annotated[int, Meta(ge=0, le=100)] | None
    charging: bool | None
    thermal: Thermal
    debuggable: bool
    emulator: bool
    waited_seconds: Annotated[
        NonNegative, Meta(description="For the device to cool down, before the run.")
    ]
    why_unfit: tuple[Annotated[str, Meta(min_length=1, max_length=4096)], ...]

    def __post_init__(self) -> None:
        """Raise ValueError where a reason is missing or has no cause."""
        if list(self.why_unfit) != self.reasons():
            raise ValueError(f"its fitness gives {self.reasons()}, not {list(self.why_unfit)}")

    def reasons(self) -> list[str]:
        """The reasons not to measure now; none if the device is fit."""
        found = []
        if self.emulator:
            found.append("an emulator has no latency of a phone")
        if self.debuggable:
            found.append("the app is debuggable")
        if self.power_saver:
            found.append("the power saver is on")
        charge = self.charge_percent
        if charge is not None and charge < LEAST_CHARGE and not self.charging:
            found.append(f"a charge of {charge} % is under {LEAST_CHARGE} %")
        if self.thermal in statistics.THROTTLED:
            found.append(f"the phone is {self.thermal} after {self.waited_seconds:.0f} s")
        return found


class Memory(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The memory that the system counts against the app, read before and after the runs."""

    kind: Annotated[
        Literal["phys_footprint", "pss", "rss"],
        Meta(description="iOS, Android, and other systems."),
    ]
    base_bytes: Annotated[Positive | None, Meta(description="Before the model was loaded.")]
    peak_bytes: Annotated[Positive | None, Meta(description="The most that was seen since.")]
    graphics_bytes: Annotated[
        Count | None, Meta(description="Of the peak, what Android counts as graphics.")
    ]


class Conversion(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the device made of the file before the first inference, and how long it took."""

    kind: Annotated[
        Literal["core_ml", "gpu", "npu", "xnnpack", "delegate", "none"],
        Meta(description="A .mlmodelc, programs of a GPU or NPU, packed weights, a delegate's."),
    ]
    compile_ms: Annotated[
        Milliseconds | None,
        Meta(description="Null where it is cached, or a part of the load that is not told apart."),
    ]
    cold_load_ms: Milliseconds | None
    warm_load_ms: Annotated[
        Milliseconds | None, Meta(description="A second load in the same process.")
    ]
    cached: Annotated[bool, Meta(description="Whether a product of an earlier start was used.")]
    bytes: Annotated[Count | None, Meta(description="Of the product, on disk.")]
    os_build: Text
    key: Annotated[
        Sha256 | None, Meta(description="Of file, system and device: what it is cached under.")
    ]


class Placement(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The share of the estimated cost that the runtime gives to one device."""

    device: Name
    share: Fraction


class Fingerprint(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The golden images on this accelerator beside the CPU: whether anything else computed."""

    equal_to_cpu: Annotated[bool, Meta(description="The outputs, to the last bit.")]
    max_abs: Annotated[NonNegative | None, Meta(description="Null where one is not finite.")]
    cpu_ms: Annotated[Latency, Meta(description="The median of some runs on the CPU.")]
    own_ms: Annotated[Latency, Meta(description="The same on this accelerator.")]

    def reasons(self, accelerator: str) -> list[str]:
        """The reason not to believe that it ran there; none if it may have."""
        ratio = self.own_ms / self.cpu_ms
        if accelerator == "all":  # the runtime may have chosen the CPU
            return []
        if not self.equal_to_cpu or not 1 / SAME_SPEED <= ratio <= SAME_SPEED:
            return []
        return [f"{accelerator} gives the CPU's outputs, to the last bit, at the CPU's speed"]


class Endurance(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a sustained run ended beside how it began: throttling is its result, not its failure."""

    first_ms: Annotated[Latency, Meta(description="The median over its first 10 seconds.")]
    last_ms: Annotated[Latency, Meta(description="The median over its last 10 seconds.")]
    slowdown: Annotated[float, Meta(gt=0, le=1e300, description="The last over the first.")]
    throttled: bool


def endurance(curve: Sequence[SustainedPoint], after: Thermal) -> Endurance | None:
    """The verdict of a sustained run from its curve; None if it is shorter than two windows.

    A window's median is that of its seconds' medians.
    """
    if not curve or curve[-1].second + 1 < 2 * WINDOW_SECONDS:
        return None
    last = curve[-1].second
    first_ms = statistics.median([p.p50_ms for p in curve if p.second < WINDOW_SECONDS] or [0.0])
    last_ms = statistics.median([p.p50_ms for p in curve if p.second > last - WINDOW_SECONDS])
    if first_ms == 0:
        return None  # the first inference took longer than the window
    slowdown = last_ms / first_ms
    throttled = slowdown > statistics.MAX_SLOWDOWN or after in statistics.THROTTLED
    return Endurance(first_ms=first_ms, last_ms=last_ms, slowdown=slowdown, throttled=throttled)

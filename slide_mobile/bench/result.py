"""The latencies of one artifact, as a bench document holds them.

Nothing is taken on trust: percentiles and the verdict have to follow from the samples beside them,
so a `Result` whose numbers contradict each other can be neither built nor read.
"""

import math
from collections.abc import Iterator
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from slide_mobile.artifact.documents import (
    Count,
    Finite,
    Milliseconds,
    Name,
    NonNegative,
    Positive,
    Sha256,
    Text,
)
from slide_mobile.bench import device, statistics
from slide_mobile.bench.device import (
    Conversion,
    Endurance,
    Fingerprint,
    Fitness,
    Memory,
    Placement,
)
from slide_mobile.bench.statistics import Latency, SustainedPoint, Thermal

# Relative: an app may round its numbers to six digits.
TOLERANCE = 1e-4

Reason = Annotated[str, Meta(min_length=1, max_length=100_000)]


class Operation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The time that one operation takes in one inference."""

    name: Text
    module: Text
    microseconds: NonNegative


class GoldenVerification(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How close an app came to the reference outputs of one golden image."""

    file: Name
    sqnr_db: Annotated[
        Finite | None, Meta(description="null: bit-exact if passed, otherwise not finite.")
    ]
    passed: bool


class Result(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The latencies of one artifact, and whether they can be trusted."""

    artifact: Name
    model: Name
    target: Name
    precision: Name
    manifest_sha256: Sha256
    runtime: Name
    accelerator_requested: Name
    accelerator_used: Annotated[
        Text | None, Meta(description="What the runtime says it used; null if it does not say.")
    ]
    threads: Positive | None
    warmup_runs: Count
    runs: Count
    seconds: Annotated[
        NonNegative,
        Meta(
            description="On a host, the sum of its runs; in an app, the time from the start of the "
            "first run to the end of the last, including the other model's runs in between."
        ),
    ]
    p50_ms: Latency | None
    p90_ms: Latency | None
    p99_ms: Annotated[
        Latency | None, Meta(description="Of fewer than 1,000 runs: null from version 3 on.")
    ]
    mean_ms: Latency | None
    first_ms: Milliseconds | None
    load_ms: Milliseconds | None
    peak_rss_bytes: Positive | None
    base_rss_bytes: Annotated[
        Positive | UnsetType | None,
        Meta(description="Memory of the process before it loaded the model; may be left out."),
    ] = UNSET
    partitions: Count
    delegated_ops: Count
    total_ops: Count
    thermal_before: Thermal
    thermal_after: Thermal
    samples_ms: tuple[Latency, ...]
    valid: bool
    why_invalid: tuple[Reason, ...]
    sustained: tuple[SustainedPoint, ...] | None
    verify: tuple[GoldenVerification, ...] | None
    operations: Annotated[
        tuple[Operation, ...] | UnsetType | None,
        Meta(description="Where the time goes (bench --profile); may be left out."),
    ] = UNSET
    why_no_operations: Text | UnsetType | None = UNSET
    # What the apps add from version 3 on; each may be left out.
    fitness: Fitness | UnsetType = UNSET
    memory: Memory | UnsetType = UNSET
    conversion: Conversion | UnsetType = UNSET
    placement: tuple[Placement, ...] | UnsetType = UNSET
    accelerator_precision: Annotated[
        Text | UnsetType, Meta(description="What a GPU was asked to compute in, such as fp16.")
    ] = UNSET
    fingerprint: Fingerprint | UnsetType = UNSET
    endurance: Annotated[
        Endurance | UnsetType | None,
        Meta(description="Of a sustained run; null if it was shorter than 20 seconds."),
    ] = UNSET

    def __post_init__(self) -> None:
        """Raise ValueError where the verdict and the numbers do not follow from the samples."""
        for contradiction in self._contradictions():
            raise ValueError(f"{self.artifact}: {contradiction}")

    def _contradictions(self) -> Iterator[str]:
        """Say what does not hold together."""
        summary = statistics.summary(self.samples_ms) if self.samples_ms else None
        if self.sustained is None and self.runs != len(self.samples_ms):
            yield f"{self.runs} runs, but {len(self.samples_ms)} samples"
        for name in statistics.PERCENTILES:
            found = getattr(self, name)
            expected = None if summary is None else getattr(summary, name)
            if name == "p99_ms" and expected is None and found is not None and self.samples_ms:
                expected = statistics.percentile(self.samples_ms, 99)  # of an earlier version
            if expected is not None and not _close(found, expected):
                yield f"{name} is {found}, but its samples give {expected:.6g}"
            if self.valid and found is None and name in statistics.OF_EVERY_RUN:
                yield f"it is marked valid, but has no {name}"
        if self.valid and self.runs < statistics.MIN_RUNS:
            yield f"it is marked valid, but has only {self.runs} runs"
        yield from self._endurance()
        reasons = [*self.why_invalid, *self._why_invalid()]
        if self.valid and reasons:
            yield f"it is marked valid, but: {reasons[0]}"
        if not self.valid and not self.why_invalid:
            yield "it is marked invalid without a reason"

    def _why_invalid(self) -> list[str]:
        """The reasons that the samples and the device give against this run."""
        before, after = self.thermal_before, self.thermal_after
        if self.endurance is UNSET:
            reasons = statistics.why_invalid(self.samples_ms, before=before, after=after)
        else:
            reasons = statistics.why_invalid_sustained(self.samples_ms)
        if self.fitness is not UNSET:
            reasons += self.fitness.reasons()
        if self.fingerprint is not UNSET:
            reasons += self.fingerprint.reasons(self.accelerator_requested)
        return reasons

    def _endurance(self) -> Iterator[str]:
        """Say where the verdict of a sustained run does not follow from its curve."""
        if self.endurance is UNSET:
            return
        if self.sustained is None:
            yield "it has the verdict of a sustained run, but no curve"
        elif not _same(self.endurance, device.endurance(self.sustained, self.thermal_after)):
            yield "the verdict of the sustained run does not follow from its curve"


# The same rules as in `Result`, for readers that have nothing but the published schema.
VERDICT = {
    "if": {"properties": {"valid": {"const": True}}},
    "then": {
        "properties": {
            "why_invalid": {"maxItems": 0},
            "runs": {"minimum": statistics.MIN_RUNS},
            "samples_ms": {"minItems": statistics.MIN_RUNS},
            **{name: {"type": "number"} for name in statistics.OF_EVERY_RUN},
        }
    },
    "else": {"properties": {"why_invalid": {"minItems": 1}}},
}


def _same(found: Endurance | None, expected: Endurance | None) -> bool:
    """Whether a verdict is what the curve gives, rounding aside."""
    if found is None or expected is None:
        return found is expected
    return found.throttled == expected.throttled and all(
        _close(getattr(found, name), getattr(expected, name))
        for name in ("first_ms", "last_ms", "slowdown")
    )


def _close(found: float | None, expected: float) -> bool:
    """Whether a number is what the samples give, rounding aside."""
    return found is not None and math.isclose(found, expected, rel_tol=TOLERANCE, abs_tol=1e-6)

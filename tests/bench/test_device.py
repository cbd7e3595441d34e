"""What an app says about a measurement, beside its latencies."""

import msgspec
import pytest

from slide_mobile.bench import device
from slide_mobile.bench.device import Fingerprint, Fitness
from slide_mobile.bench.statistics import SustainedPoint, Thermal

GOOD = Fitness(
    power_saver=False, charge_percent=80, charging=False, thermal="nominal", debuggable=False,
    emulator=False, waited_seconds=0.0, why_unfit=(),
)  # fmt: skip


def curve(*medians: float) -> list[SustainedPoint]:
    return [SustainedPoint(second=at, p50_ms=ms, runs=9) for at, ms in enumerate(medians)]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"power_saver": True}, "the power saver is on"),
        ({"charge_percent": 19}, "a charge of 19 % is under 20 %"),
        ({"debuggable": True}, "the app is debuggable"),
        ({"emulator": True}, "an emulator has no latency of a phone"),
        ({"thermal": "critical", "waited_seconds": 60.4}, "the phone is critical after 60 s"),
    ],
)
def test_a_device_that_is_not_fit_says_why(change: dict[str, object], reason: str) -> None:
    assert msgspec.structs.replace(GOOD, **change, why_unfit=(reason,)).reasons() == [reason]
    with pytest.raises(ValueError, match=reason):
        msgspec.structs.replace(GOOD, **change)


def test_what_a_device_does_not_say_is_no_reason() -> None:
    silent = msgspec.structs.replace(GOOD, power_saver=None, charge_percent=None, charging=None)
    assert not silent.reasons()
    assert not msgspec.structs.replace(GOOD, charge_percent=3, charging=True).reasons()


@pytest.mark.parametrize(
    ("last", "after", "throttled"),
    [(5.4, "fair", False), (5.6, "fair", True), (5.0, "serious", True)],
)
def test_a_sustained_run_is_judged_by_its_ends(
    last: float, after: Thermal, throttled: bool
) -> None:
    found = device.endurance(curve(*[5.0] * 10, *[9.0] * 5, *[last] * 10), after)
    assert found is not None and (found.first_ms, found.last_ms) == (5.0, last)
    assert found.slowdown == pytest.approx(last / 5) and found.throttled == throttled


def test_a_short_run_has_no_ends() -> None:
    assert device.endurance(curve(*[5.0] * 19), "nominal") is None
    assert device.endurance([], "nominal") is None
    late = [SustainedPoint(second=second, p50_ms=11_000.0, runs=1) for second in (11, 22)]
    assert device.endurance(late, "nominal") is None


@pytest.mark.parametrize(
    ("equal", "own", "accelerator", "believed"),
    [
        (True, 5.2, "npu", False), (True, 4.0, "npu", True), (True, 6.0, "npu", True),
        (False, 5.0, "npu", True), (True, 5.0, "all", True),
    ],
)  # fmt: skip
def test_the_cpus_bits_at_the_cpus_speed_are_the_cpus(
    equal: bool, own: float, accelerator: str, believed: bool
) -> None:
    found = Fingerprint(equal_to_cpu=equal, max_abs=0.0, cpu_ms=5.0, own_ms=own)
    assert (not found.reasons(accelerator)) == believed

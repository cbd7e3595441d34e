"""The JSON document of measurements, the same of a host and of both apps: bench.schema.json.

What a phone shares is not taken on trust: its percentiles and its verdict have to follow from the
samples that it sends along.
"""

import functools
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from jsonschema import Draft202012Validator

from slide_mobile.bench import statistics
from slide_mobile.errors import GateFailed, UsageError

SCHEMA_VERSION = 1
# Of a percentile to that of the samples: they may be rounded to six digits on their way.
TOLERANCE = 1e-4

Document = dict[str, Any]
Number = TypeVar("Number", int, float)
_PERCENTILES = ("p50_ms", "p90_ms", "p99_ms", "mean_ms")


def read(path: Path) -> Document:
    """A document from a file; raises UsageError where there is none, GateFailed for a damaged one.

    One that was imported into another is checked like the outer one.
    """
    try:
        plain = json.loads(
            path.read_text(encoding="utf-8"),
            parse_constant=_refuse,
            parse_float=lambda text: _finite(text, float(text)),
            parse_int=lambda text: _finite(text, int(text)),
        )
    except FileNotFoundError as error:
        raise UsageError(f"{path} is missing") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise GateFailed(f"{path} is not JSON ({error})") from error
    # Other documents of ours have versions too: an artifact's manifest is no newer measurement.
    ours = isinstance(plain, dict) and "results" in plain
    version = plain.get("schema_version") if ours else None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise UsageError(
            f"{path} has schema {version}, known is {SCHEMA_VERSION}: update slide-mobile"
        )
    require(plain, str(path))
    return dict(plain)


def require(plain: Any, name: str) -> None:
    """Raise GateFailed if the document breaks the schema, or its numbers do not hold together."""
    try:
        for error in _validator().iter_errors(plain):
            where = "/".join(map(str, error.absolute_path)) or "the document"
            raise GateFailed(f"{name} is not a measurement: {where}: {error.message[:200]}")
        for reason in _inconsistencies(plain):
            raise GateFailed(f"{name} does not hold together: {reason}")
    except RecursionError as error:
        raise GateFailed(f"{name} is not a measurement: it is nested without end") from error


@functools.cache
def _validator() -> Draft202012Validator:
    path = Path(__file__).with_name("bench.schema.json")
    return Draft202012Validator(json.loads(path.read_text(encoding="utf-8")))


def _inconsistencies(plain: Mapping[str, Any]) -> Iterator[str]:
    count = len(plain["results"])
    for name in ("ratios", "ratio_intervals"):
        rows = plain[name]
        if rows is not None and (len(rows) != count or any(len(row) != count for row in rows)):
            yield f"{name} is not {count} x {count}"
    for result in plain["results"]:
        runs, samples = result["runs"], len(result["samples_ms"])
        if result["sustained"] is None and runs != samples:
            yield f"{result['artifact']}: {runs} runs, but {samples} samples"
        if result["samples_ms"]:
            yield from _of_samples(result)
    for inner in plain.get("imported", ()):
        yield from _inconsistencies(inner)


def _of_samples(result: Mapping[str, Any]) -> Iterator[str]:
    name, samples = result["artifact"], result["samples_ms"]
    found = vars(statistics.summary(samples))
    for key in _PERCENTILES:
        told = result[key]
        if told is None or not math.isclose(told, found[key], rel_tol=TOLERANCE, abs_tol=1e-6):
            yield f"{name}: {key} is {told}, its samples say {found[key]:.6g}"
    reasons = statistics.why_invalid(
        samples, before=result["thermal_before"], after=result["thermal_after"]
    )
    if result["valid"] and reasons:
        yield f"{name} is marked valid, but: {reasons[0]}"


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _finite(text: str, number: Number) -> Number:
    """The number that a text is; raises ValueError for one that no float holds."""
    if math.isinf(float(text)):
        raise ValueError(f"{text[:20]} is too large")
    return number

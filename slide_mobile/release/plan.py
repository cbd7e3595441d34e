"""What a release file asks for: models x targets x precisions, each a cell of the matrix.

out = "build/release"          # beside the file, as all paths in it
memory_gb = 8.0                # of all processes side by side  [3/4 of what is free]
jobs = 2                       # processes side by side at most  [a core each]

[[model]]
name = "slide_swin_demo"       # as `convert` takes it; further options of `convert` by name:
[[model]]                      # checkpoint, labels, calibration, num_classes, input_size, ...
name = "slide_swin_tiny"
checkpoint = "slide_swin_t.pth"
calibration = "photos"
images = "validation"          # for `check`

[[target]]
to = "tflite"
precisions = ["fp32", "int8"]
[[target]]
to = "executorch"
precisions = ["int8"]
backend = "xnnpack"

[bench]                        # left out: nothing is timed
min_seconds = 3.0
baseline = "bench.json"        # and what is this much slower fails
fail_over = "5%"

[report]                       # left out: report.html alone
formats = ["html", "markdown"]
"""

import contextlib
import functools
import hashlib
import json
import math
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slide_mobile import recipes
from slide_mobile._version import __version__
from slide_mobile.artifact.folder import digest
from slide_mobile.bench import baseline, documents
from slide_mobile.bench.documents import Document
from slide_mobile.bench.measure import MIN_RUNS, MIN_SECONDS, Asked, require_sense
from slide_mobile.doctor import diagnosis
from slide_mobile.doctor.resources import free_memory
from slide_mobile.errors import NotInstalled, UnknownName, UsageError
from slide_mobile.targets import registry

# Measured of 40 conversions (benchmarks/results/targets.json): 0.7 to 1.0 GB of slide_swin_demo,
# 1.3 to 2.7 GB of slide_swin_tiny with its 28 million parameters.
BASE_BYTES, BYTES_A_PARAMETER = 1.0e9, 70
# Of what is free, where the file does not say; and what is taken to be free where no one knows.
SHARE, UNKNOWN_BYTES = 0.75, 8e9

BENCH = "bench.json"

_FILES = ("checkpoint", "labels", "calibration", "images")
_TEXT, _FLAG, _WHOLE, _NUMBER = (str,), (bool,), (int,), (int, float)
_SAID = {str: "text", bool: "true or false", int: "a whole number", float: "a number",
         list: "a list", dict: "a table"}  # fmt: skip
_KNOWN: Mapping[str, Mapping[str, tuple[type, ...]]] = {
    "": {
        "out": _TEXT, "memory_gb": _NUMBER, "jobs": _WHOLE, "model": (list,), "target": (list,),
        "bench": (dict,), "report": (dict,),
    },
    "model": {
        "name": _TEXT, "checkpoint": _TEXT, "untrained": _FLAG, "num_classes": _WHOLE,
        "labels": _TEXT, "input_size": (int, str), "calibration": _TEXT,
        "calibration_samples": _WHOLE, "mean": _TEXT, "std": _TEXT, "task": _TEXT, "images": _TEXT,
    },
    "target": {"to": _TEXT, "precisions": (list,), "backend": _TEXT, "via": _TEXT},
    "bench": {
        "min_seconds": _NUMBER, "min_runs": _WHOLE, "threads": _WHOLE, "baseline": _TEXT,
        "fail_over": (float, int, str),
    },
    "report": {"formats": (list,)},
}  # fmt: skip
FORMATS = {"html": "html", "markdown": "md", "csv": "csv"}


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One model in one format: the options of `convert` and of `check`, and what it may need."""

    name: str  # that of the artifact's folder
    model: str
    target: str
    precision: str
    convert: tuple[str, ...]
    check: tuple[str, ...]
    fingerprint: str
    memory_bytes: float


@dataclass(frozen=True, kw_only=True)
class Timing:
    """How all are timed, and the earlier document, with its file, that they are held against."""

    asked: Asked
    earlier: tuple[Path, Document] | None
    fail_over: float  # percent


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A release file, read; `bench` is None where nothing is to be timed."""

    out: Path
    memory_bytes: float
    jobs: int
    cells: tuple[Cell, ...]
    bench: Timing | None
    formats: tuple[str, ...] = field(default=("html",))


def read(path: Path) -> Plan:
    """The plan in a file; raises UsageError, UnknownName."""
    try:
        plain = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not TOML: {error}") from error
    _require_known(path, "", plain)
    digests = functools.cache(digest)
    cells = [
        _cell(path, model, target, precision, digests)
        for model in _tables(path, plain, "model")
        for target in _tables(path, plain, "target")
        for precision in _precisions(path, target)
    ]
    names = [cell.name for cell in cells]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"{path} asks for {twice[0]} twice")
    free, jobs = free_memory(), plain.get("jobs", os.cpu_count() or 1)
    memory = plain.get("memory_gb", SHARE * (UNKNOWN_BYTES if free is None else free) / 1e9)
    if not 0 < plain.get("memory_gb", 1) < math.inf or jobs < 1:
        raise UsageError(f"{path}: memory_gb and jobs are positive numbers")
    out = path.parent / plain.get("out", "build/release")
    return Plan(
        out=out,
        memory_bytes=memory * 1e9,
        jobs=jobs,
        cells=tuple(cells),
        bench=_bench(path, plain["bench"], out) if "bench" in plain else None,
        formats=_formats(path, plain.get("report", {})),
    )


def _tables(path: Path, plain: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    tables = plain.get(kind)
    if not isinstance(tables, list) or not tables or not all(isinstance(t, dict) for t in tables):
        raise UsageError(f"{path} has no [[{kind}]]")
    for table in tables:
        _require_known(path, kind, table)
    return tables


def _require_known(path: Path, kind: str, table: Mapping[str, Any]) -> None:
    """Refuse keys that there are not, and values of another type."""
    for key, value in table.items():
        if key not in _KNOWN[kind]:
            where = f"key in [[{kind}]] of {path}" if kind else f"key in {path}"
            raise UnknownName(where, key, _KNOWN[kind])
        types = _KNOWN[kind][key]
        if type(value) not in types:  # not isinstance: true is no number
            said = " or ".join(_SAID[of] for of in types if of is not int or float not in types)
            raise UsageError(f"{path}: {key} is {said}, not {value!r:.60}")


def _precisions(path: Path, target: Mapping[str, Any]) -> list[str]:
    name, precisions = target.get("to"), target.get("precisions")
    if name is None:
        raise UsageError(f'{path}: a [[target]] has no to, such as "tflite"')
    if name not in registry.names():
        raise UnknownName("target", name, registry.names())
    if not isinstance(precisions, list) or not precisions:
        raise UsageError(f'{path}: {name} has no precisions, such as ["fp32", "int8"]')
    return [recipes.lookup(str(precision)).name for precision in precisions]


def _cell(
    path: Path,
    model: Mapping[str, Any],
    target: Mapping[str, Any],
    precision: str,
    digests: Callable[[Path], str],
) -> Cell:
    folder, name = path.parent, model.get("name")
    if not isinstance(name, str):
        raise UsageError(f"{path}: a [[model]] has no name")
    options = {key: value for key, value in {**model, **target}.items() if key not in _NOT_CONVERTS}
    convert = [name, "--to", target["to"], "--precision", precision]
    for key, value in options.items():
        convert += _option(folder, key, value)
    check = [part for key in ("checkpoint", "images") if key in model for part in
             _option(folder, key, model[key])]  # fmt: skip
    target_alone = {key: value for key, value in target.items() if key != "precisions"}
    made_of = [
        __version__, _versions(target["to"]), model, target_alone, precision,
        [_digest(folder / model[key], digests) for key in _FILES if key in model],
    ]  # fmt: skip
    features = "-features" if model.get("task") == "features" else ""
    return Cell(
        name=f"{name}{features}-{target['to']}-{precision}",
        model=name,
        target=target["to"],
        precision=precision,
        convert=tuple(convert),
        check=tuple(check),
        fingerprint=hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest(),
        memory_bytes=_needed(name),
    )


_NOT_CONVERTS = frozenset({"name", "to", "precisions", "images"})


def _option(folder: Path, key: str, value: Any) -> list[str]:
    name = f"--{key.replace('_', '-')}"
    if isinstance(value, bool):
        return [name] if value else []
    return [name, str(folder / value) if key in _FILES else str(value)]


def _digest(path: Path, digests: Callable[[Path], str]) -> str:
    try:
        if not path.exists():
            raise UsageError(f"{path} is missing")
        return digests(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror})") from error


def _versions(target: str) -> dict[str, str | None]:
    """Of all that converts and checks; what a bare checkout needs is not known."""
    with contextlib.suppress(NotInstalled):
        return diagnosis.versions(target)
    return {}


@functools.cache
def _needed(model: str) -> float:
    """Bytes that its conversion may take; raises UnknownName."""
    from slide_mobile import models
    from slide_mobile.models.meta import MetaInit

    with MetaInit():
        count = sum(p.numel() for p in models.create(model).parameters())
    return BASE_BYTES + BYTES_A_PARAMETER * count


def _bench(path: Path, table: Mapping[str, Any], out: Path) -> Timing:
    """Read before anything is done: what is wrong with it must not be found hours later."""
    _require_known(path, "bench", table)
    asked = Asked(
        threads=table.get("threads", 1),
        runs=table.get("min_runs", MIN_RUNS),
        seconds=table.get("min_seconds", MIN_SECONDS),
    )
    try:
        require_sense(asked)
        limit = baseline.percent(str(table.get("fail_over", baseline.FAIL_OVER)))
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error
    if "baseline" not in table:
        if "fail_over" in table:
            raise UsageError(f"{path}: fail_over needs a baseline to compare with")
        return Timing(asked=asked, earlier=None, fail_over=limit)
    earlier = path.parent / table["baseline"]
    if earlier.resolve() == (out / BENCH).resolve():
        raise UsageError(f"{path}: the baseline is what this release writes; keep it elsewhere")
    return Timing(asked=asked, earlier=(earlier, documents.read(earlier)), fail_over=limit)


def _formats(path: Path, table: Mapping[str, Any]) -> tuple[str, ...]:
    _require_known(path, "report", table)
    formats = tuple(map(str, table.get("formats", ["html"])))
    for name in formats:
        if name not in FORMATS:
            raise UnknownName("format of the report", name, FORMATS)
    return formats

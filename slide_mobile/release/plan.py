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

import hashlib
import json
import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slide_mobile import __version__, recipes, targets
from slide_mobile.artifact import digest
from slide_mobile.errors import UnknownName, UsageError
from slide_mobile.resources import free_memory

# Measured of 40 conversions (benchmarks/results/targets.json): 0.7 to 1.0 GB of slide_swin_demo,
# 1.3 to 2.7 GB of slide_swin_tiny with its 28 million parameters.
BASE_BYTES, BYTES_A_PARAMETER = 1.0e9, 70
# Of what is free, where the file does not say; and what is taken to be free where no one knows.
SHARE, UNKNOWN_BYTES = 0.75, 8e9

_FILES = ("checkpoint", "labels", "calibration", "images")
_OPTIONS = (
    "checkpoint", "untrained", "num_classes", "labels", "input_size", "calibration",
    "calibration_samples", "mean", "std", "task",
)  # fmt: skip
_KNOWN: Mapping[str, tuple[str, ...]] = {
    "": ("out", "memory_gb", "jobs", "model", "target", "bench", "report"),
    "model": ("name", *_OPTIONS, "images"),
    "target": ("to", "precisions", "backend", "via"),
    "bench": ("min_seconds", "min_runs", "threads", "baseline", "fail_over"),
    "report": ("formats",),
}
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
class Plan:
    """A release file, read; `bench` is None where nothing is to be timed."""

    out: Path
    memory_bytes: float
    jobs: int
    cells: tuple[Cell, ...]
    bench: Mapping[str, Any] | None
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
    folder = path.parent
    cells = [
        _cell(folder, model, target, precision)
        for model in _tables(path, plain, "model")
        for target in _tables(path, plain, "target")
        for precision in _precisions(path, target)
    ]
    names = [cell.name for cell in cells]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"{path} asks for {twice[0]} twice")
    memory = plain.get("memory_gb", SHARE * (free_memory() or UNKNOWN_BYTES) / 1e9)
    jobs = plain.get("jobs", os.cpu_count() or 1)
    if not isinstance(memory, int | float) or memory <= 0 or not isinstance(jobs, int) or jobs < 1:
        raise UsageError(f"{path}: memory_gb and jobs are positive numbers")
    return Plan(
        out=folder / plain.get("out", "build/release"),
        memory_bytes=memory * 1e9,
        jobs=jobs,
        cells=tuple(cells),
        bench=_bench(path, plain.get("bench")),
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
    for key in table:
        if key not in _KNOWN[kind]:
            where = f"key in [[{kind}]] of {path}" if kind else f"key in {path}"
            raise UnknownName(where, key, _KNOWN[kind])


def _precisions(path: Path, target: Mapping[str, Any]) -> list[str]:
    name, precisions = target.get("to"), target.get("precisions")
    if name not in targets.names():
        raise UnknownName("target", str(name), targets.names())
    if not isinstance(precisions, list) or not precisions:
        raise UsageError(f'{path}: {name} has no precisions, such as ["fp32", "int8"]')
    return [recipes.lookup(str(precision)).name for precision in precisions]


def _cell(
    folder: Path, model: Mapping[str, Any], target: Mapping[str, Any], precision: str
) -> Cell:
    name = model.get("name")
    if not isinstance(name, str):
        raise UsageError("a [[model]] has no name")
    options = {key: value for key, value in {**model, **target}.items() if key not in _NOT_CONVERTS}
    convert = [name, "--to", target["to"], "--precision", precision]
    for key, value in options.items():
        convert += _option(folder, key, value)
    check = [part for key in ("checkpoint", "images") if key in model for part in
             _option(folder, key, model[key])]  # fmt: skip
    files = [folder / model[key] for key in _FILES if key in model]
    features = "-features" if model.get("task") == "features" else ""
    return Cell(
        name=f"{name}{features}-{target['to']}-{precision}",
        model=name,
        target=target["to"],
        precision=precision,
        convert=tuple(convert),
        check=tuple(check),
        fingerprint=_fingerprint([*convert, *check], files),
        memory_bytes=_needed(name),
    )


_NOT_CONVERTS = frozenset({"name", "to", "precisions", "images"})


def _option(folder: Path, key: str, value: Any) -> list[str]:
    name = f"--{key.replace('_', '-')}"
    if isinstance(value, bool):
        return [name] if value else []
    return [name, str(folder / value) if key in _FILES else str(value)]


def _fingerprint(options: Iterable[str], files: Iterable[Path]) -> str:
    """Of all that a cell is made of; a folder of images counts by its files' names and times."""
    found: list[Any] = [__version__, *options]
    for path in files:
        if not path.exists():
            raise UsageError(f"{path} is missing")
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.is_file())
            found += [(str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in inside]
        else:
            found.append(digest(path))
    return hashlib.sha256(json.dumps(found).encode()).hexdigest()


def _needed(model: str) -> float:
    """Bytes that its conversion may take; raises UnknownName."""
    from slide_mobile import models
    from slide_mobile.models.shapes_only import ShapesOnly

    with ShapesOnly():
        count = sum(p.numel() for p in models.create(model).parameters())
    return BASE_BYTES + BYTES_A_PARAMETER * count


def _bench(path: Path, table: Any) -> dict[str, Any] | None:
    if table is None:
        return None
    if not isinstance(table, dict):
        raise UsageError(f"{path}: bench is a table")
    _require_known(path, "bench", table)
    found = dict(table)
    if "fail_over" in found and "baseline" not in found:
        raise UsageError(f"{path}: fail_over needs a baseline to compare with")
    if "baseline" in found:
        found["baseline"] = path.parent / found["baseline"]
    return found


def _formats(path: Path, table: Any) -> tuple[str, ...]:
    if not isinstance(table, dict):
        raise UsageError(f"{path}: report is a table")
    _require_known(path, "report", table)
    formats = tuple(table.get("formats", ["html"]))
    for name in formats:
        if name not in FORMATS:
            raise UnknownName("format of the report", str(name), FORMATS)
    return formats

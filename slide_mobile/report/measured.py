"""Measurements to show: what `bench --json` and the apps wrote, read and held to their schema."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from slide_mobile.bench import documents
from slide_mobile.errors import SlideMobileError
from slide_mobile.report.contents import Entry, Problem


class Setting(NamedTuple):
    """What latencies that stand in one column have in common."""

    source: str  # "host", "ios" or "android"
    device: str
    cpu: str
    accelerator: str  # that was asked for
    threads: int | None

    def __str__(self) -> str:
        """In words."""
        place = "a development machine" if self.source == "host" else ""
        threads = "" if self.threads is None else f"{self.threads} thread(s)"
        return ", ".join(filter(None, (self.device, self.cpu, place, self.accelerator, threads)))


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One result of a document; `entry` is the artifact of the report that it is of, if any."""

    name: str
    entry: str | None
    setting: Setting
    facts: Mapping[str, Any]  # as bench.schema.json describes a result

    @property
    def valid(self) -> bool:
        """Whether the numbers may be compared."""
        return bool(self.facts["valid"])

    @property
    def on_device(self) -> bool:
        """Whether an app wrote it."""
        return self.setting.source != "host"


@dataclass(frozen=True, kw_only=True)
class Document:
    """One file of measurements."""

    path: str
    environment: Mapping[str, Any]
    source: str
    measurements: tuple[Measurement, ...]
    ratios: tuple[tuple[float | None, ...], ...]
    intervals: tuple[tuple[tuple[float, float] | None, ...], ...]


def read(
    given: Sequence[Path | Mapping[str, Any]], entries: Sequence[Entry]
) -> tuple[tuple[Document, ...], tuple[Problem, ...]]:
    """Documents, and a Problem for each one that cannot be taken."""
    read, problems = [], []
    for i, item in enumerate(given, 1):
        name = str(item) if isinstance(item, Path) else f"document {i}"
        try:
            if isinstance(item, Path):
                plain: Mapping[str, Any] = documents.read(item)
            else:
                documents.require(item, name)
                plain = item
        except SlideMobileError as error:
            problems.append(Problem(path=name, line=" ".join(str(error).split())))
        else:
            read += [_document(name, part, entries) for part in _with_imported(plain)]
    return tuple(read), tuple(problems)


def _with_imported(plain: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """A document, and those of phones that `bench --import` put into it."""
    inner = [part for found in plain.get("imported", ()) for part in _with_imported(found)]
    return [plain, *inner] if plain["results"] or not inner else inner


def _document(name: str, plain: Mapping[str, Any], entries: Sequence[Entry]) -> Document:
    source, environment = plain["source"], plain["environment"]
    count = len(plain["results"])
    return Document(
        path=name,
        environment=environment,
        source=source,
        measurements=tuple(
            _measurement(result, source, environment, entries) for result in plain["results"]
        ),
        ratios=tuple(map(tuple, plain["ratios"])),
        intervals=_intervals(plain["ratio_intervals"], count),
    )


def _intervals(
    rows: list[list[list[float] | None]] | None, count: int
) -> tuple[tuple[tuple[float, float] | None, ...], ...]:
    if rows is None or [len(row) for row in rows] != [count] * count:
        return ((None,) * count,) * count
    return tuple(tuple(None if x is None else (x[0], x[1]) for x in row) for row in rows)


def _measurement(
    result: Mapping[str, Any],
    source: str,
    environment: Mapping[str, Any],
    entries: Sequence[Entry],
) -> Measurement:
    entry = next(
        (
            entry.name
            for entry in entries
            if entry.artifact.manifest_sha256 == result["manifest_sha256"]
        ),
        None,
    )
    words = [entry or Path(result["artifact"]).name]
    if source != "host":
        words.append(environment["device"])
    accelerator = result["accelerator_used"] or result["accelerator_requested"]
    if source != "host" or accelerator not in ("cpu", "xnnpack", "default"):
        words.append(accelerator)
    if result["threads"] not in (None, 1):
        words.append(f"{result['threads']} threads")
    setting = Setting(
        source=source,
        device=environment["device"],
        cpu=environment["cpu"],
        accelerator=result["accelerator_requested"],
        threads=result["threads"],
    )
    return Measurement(name=", ".join(words), entry=entry, setting=setting, facts=result)

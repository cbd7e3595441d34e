"""Measurements to show: documents of `bench --json` and of the apps, matched with the artifacts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from slide_mobile.bench import BenchDocument, documents
from slide_mobile.bench.change import BaselineComparison, Change
from slide_mobile.bench.comparison import Comparison, Intervals, Ratios
from slide_mobile.bench.documents import Environment
from slide_mobile.bench.result import Result
from slide_mobile.errors import SlideMobileError
from slide_mobile.isolation.files import StrPath
from slide_mobile.report.contents import problem
from slide_mobile.report.documents import Problem
from slide_mobile.report.entries import Entry


class Setting(NamedTuple):
    """What all latencies in one column have in common."""

    source: str  # "host", "ios", "android" or "web"
    device: str
    cpu: str
    accelerator: str  # the one that was asked for
    threads: int | None
    precision: str = ""  # of the accelerator's arithmetic, where it was chosen

    def __str__(self) -> str:
        """The setting in words."""
        place = {"host": "a development machine", "web": "a browser"}.get(self.source, "")
        threads = (
            ""
            if self.threads is None
            else f"{self.threads} thread{'' if self.threads == 1 else 's'}"
        )
        words = (self.device, self.cpu, place, self.accelerator, self.precision, threads)
        return ", ".join(filter(None, words))


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One result of a document; `entry` names its artifact in the report, if it is there."""

    name: str
    entry: str | None
    setting: Setting
    result: Result

    @property
    def valid(self) -> bool:
        """Whether the numbers may be compared."""
        return self.result.valid

    @property
    def reason(self) -> str:
        """Why the numbers may not be compared: the first reason; empty where they may."""
        return next(iter(self.result.why_invalid), "")

    @property
    def on_device(self) -> bool:
        """Whether an app measured it, or a page, which may have been on a computer."""
        return self.setting.source != "host"


@dataclass(frozen=True, kw_only=True)
class Measurements:
    """The results of one document.

    `ratios`, their `intervals` and `cpu_ratios` are square, row over column. `unanswered` says of
    each pair without a ratio why it has none.
    """

    source: str
    environment: Environment
    measurements: tuple[Measurement, ...]
    ratios: Ratios
    intervals: Intervals
    cpu_ratios: Ratios
    unanswered: tuple[str, ...]
    baseline: BaselineComparison | None = None

    @property
    def changes(self) -> tuple[Change, ...]:
        """Each artifact beside the baseline, if there is one."""
        return () if self.baseline is None else self.baseline.changes

    def named(self, artifact: str) -> str:
        """The name of a result in the report, by the artifact's path in the document."""
        found = (m.name for m in self.measurements if m.result.artifact == artifact)
        return next(found, Path(artifact).name)

    @property
    def invalid(self) -> tuple[tuple[str, tuple[Measurement, ...]], ...]:
        """The results that are not to be believed, by their reason."""
        found: dict[str, list[Measurement]] = {}
        for m in self.measurements:
            if not m.valid:
                found.setdefault(m.reason, []).append(m)
        return tuple((reason, tuple(those)) for reason, those in found.items())


def read(
    given: Sequence[StrPath | BenchDocument], entries: Sequence[Entry]
) -> tuple[tuple[Measurements, ...], tuple[Problem, ...]]:
    """Read documents; one that cannot be read, or contradicts itself, becomes a Problem."""
    found, problems = [], []
    for item in given:
        try:
            document = item if isinstance(item, BenchDocument) else documents.read(Path(item))
        except SlideMobileError as error:
            problems.append(problem(str(item), error))
        else:
            found += [_measurements(part, entries) for part in _with_imported(document)]
    return tuple(found), tuple(problems)


def _with_imported(document: BenchDocument) -> Iterator[BenchDocument]:
    """A document, unless it is empty, and the phones' documents that it imported."""
    if document.results or not document.imported:
        yield document
    for imported in document.imported:
        yield from _with_imported(imported)


def _measurements(document: BenchDocument, entries: Sequence[Entry]) -> Measurements:
    """One document, its results matched with the artifacts."""
    count = len(document.results)
    found = tuple(_measurement(document, result, entries) for result in document.results)
    pairs, by_pair = document.comparisons or (), document.pairs()
    return Measurements(
        source=document.source,
        environment=document.environment,
        measurements=found,
        ratios=document.ratios,
        intervals=document.ratio_intervals or ((None,) * count,) * count,
        cpu_ratios=tuple(
            tuple(_cpu_ratio(by_pair, i, j) for j in range(count)) for i in range(count)
        ),
        unanswered=tuple(
            f"{found[pair.of].name} / {found[pair.over].name}: {'; '.join(pair.why_invalid)}"
            for pair in pairs
            if not pair.valid
        ),
        baseline=document.baseline or None,
    )


def _cpu_ratio(pairs: Mapping[frozenset[int], Comparison], i: int, j: int) -> float | None:
    """The ratio of two results in CPU time, where the two have a ratio."""
    pair = pairs.get(frozenset((i, j)))
    if pair is None or pair.cpu is None or not pair.valid:
        return None
    return pair.cpu.ratio if pair.of == i else 1 / pair.cpu.ratio


def _measurement(document: BenchDocument, result: Result, entries: Sequence[Entry]) -> Measurement:
    """One result, named after its artifact and setting."""
    environment = document.environment
    entry = next(
        (e.name for e in entries if e.artifact.manifest_sha256 == result.manifest_sha256), None
    )
    on_device = document.source != "host"
    accelerator = result.accelerator_used or result.accelerator_requested
    words = [entry or Path(result.artifact).name]
    if on_device:
        words.append(environment.device)
    if on_device or accelerator not in ("cpu", "xnnpack", "default"):
        words.append(accelerator)
    precision = result.accelerator_precision or ""
    if precision:
        words.append(precision)
    if result.threads not in (None, 1):
        words.append(f"{result.threads} threads")
    setting = Setting(
        source=document.source,
        device=environment.device,
        cpu=environment.cpu,
        accelerator=result.accelerator_requested,
        threads=result.threads,
        precision=precision,
    )
    return Measurement(name=", ".join(words), entry=entry, setting=setting, result=result)

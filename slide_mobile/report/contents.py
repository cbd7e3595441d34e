"""Everything that a report says about artifacts: their manifests, and a check of each, done now."""

import dataclasses
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from slide_mobile import recipes
from slide_mobile.artifact import golden
from slide_mobile.artifact.documents import shortened
from slide_mobile.artifact.folder import Artifact
from slide_mobile.artifact.manifest import Golden
from slide_mobile.errors import SlideMobileError, ToolchainMissing
from slide_mobile.parity.check_result import CheckResult, GoldenParity
from slide_mobile.pipeline.check import check
from slide_mobile.preprocess import Pixels
from slide_mobile.progress import Progress, silent
from slide_mobile.report.documents import Problem
from slide_mobile.targets import registry

SHOWN = 4  # golden images: more say nothing new, and cost bytes
BEST = 3  # classes shown for an image
# Comparing the modules of a model with more multiply-adds takes minutes: only on request.
MOST_MACS = 200_000_000


@dataclass(frozen=True, kw_only=True)
class Guess:
    """One class of an image, with its share of the softmax in 0..1."""

    label: str
    share: float


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one artifact gave for a golden image; features have no guesses."""

    entry: str
    sqnr_db: float
    guesses: tuple[Guess, ...]


@dataclass(frozen=True, kw_only=True)
class Range:
    """What the int8 output of a module can hold, as calibration left it."""

    module: str
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One artifact, by a name that is unique in the report.

    `check` is None where it could not be run here, and `not_run` says why. `no_modules` says why
    its modules were not compared, None where they were.
    """

    name: str
    artifact: Artifact
    check: CheckResult | None
    not_run: str | None
    no_modules: str | None
    ranges: tuple[Range, ...]

    @property
    def failures(self) -> tuple[str, ...]:
        """The floors that the check missed."""
        return () if self.check is None else self.check.parity.failures


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One golden image of a model, PyTorch's recorded guesses, and the artifacts' answers."""

    model: str
    file: str
    label: str | None
    pixels: Pixels
    guesses: tuple[Guess, ...]
    answers: tuple[Answer, ...]


@dataclass(frozen=True, kw_only=True)
class Contents:
    """Everything that was found, in the order in which it was named."""

    entries: tuple[Entry, ...]
    problems: tuple[Problem, ...]
    pictures: tuple[Picture, ...]

    @property
    def passed(self) -> bool:
        """Whether every artifact could be read and reached its floors."""
        return not self.problems and not any(entry.failures for entry in self.entries)


def gather(
    roots: Sequence[Path],
    *,
    modules: bool | None,
    ranges: bool = True,
    progress: Progress = silent,
) -> Contents:
    """Open and check artifacts; a damaged one becomes a Problem, and the others continue.

    `modules` true compares the modules of every artifact with PyTorch's, false of none, and None of
    quantised ones whose model is small enough for it to take seconds. `ranges` reads what the int8
    outputs can hold.
    """
    entries, problems = [], []
    for i, root in enumerate(roots):
        progress("check the artifacts", i / len(roots))
        try:
            entries.append(_entry(root, modules, ranges, progress))
        except SlideMobileError as error:
            problems.append(problem(str(root), error))
    names = short_names([entry.artifact for entry in entries])
    named = tuple(
        dataclasses.replace(entry, name=name) for entry, name in zip(entries, names, strict=True)
    )
    return Contents(entries=named, problems=tuple(problems), pictures=_pictures(named))


def problem(path: str, error: SlideMobileError) -> Problem:
    """Why a folder or file is not in the report."""
    return Problem(path=path, line=shortened(error, 300))


def with_problems(contents: Contents, problems: Sequence[Problem]) -> Contents:
    """The same contents with more problems."""
    return dataclasses.replace(contents, problems=(*contents.problems, *problems))


def short_names(artifacts: Sequence[Artifact]) -> list[str]:
    """The shortest names that tell the artifacts of one report apart."""
    manifests = [art.manifest for art in artifacts]
    models = len({m.model.name for m in manifests}) > 1
    tasks = len({m.task for m in manifests}) > 1
    backends = Counter(target for target, _ in {(m.target, m.backend) for m in manifests})
    exporters = Counter(target for target, _ in {(m.target, m.via) for m in manifests})
    names = [
        " ".join(
            [
                *([m.model.name] if models else []),
                *([m.task] if tasks else []),
                m.target,
                *([m.backend] if max(backends.values()) > 1 else []),
                *([f"via {m.via}"] if max(exporters.values()) > 1 else []),
                m.precision,
            ]
        )
        for m in manifests
    ]
    seen: Counter[str] = Counter()
    unique = []
    for name in names:
        seen[name] += 1
        unique.append(name if names.count(name) == 1 else f"{name} ({seen[name]})")
    return unique


def _entry(root: Path, wanted: bool | None, ranges: bool, progress: Progress) -> Entry:
    """Open and check one artifact; raises SlideMobileError for a damaged one."""
    art = Artifact.open(root)
    no_modules = _why_no_modules(art, wanted)
    compared = None if no_modules is None else False
    found, not_run = None, None
    try:
        found = check(root, samples="golden", modules=compared, progress=progress)
    except ToolchainMissing as error:
        not_run = no_modules = str(error)
    else:
        if no_modules is None and not found.modules:
            no_modules = (
                "its checkpoint is not at hand; `check --modules --checkpoint FILE` does it"
            )
    return Entry(
        name=root.name,
        artifact=art,
        check=found,
        not_run=not_run,
        no_modules=no_modules,
        ranges=_ranges(art) if ranges and found is not None else (),
    )


def _why_no_modules(art: Artifact, wanted: bool | None) -> str | None:
    """Why modules are not compared, None where they are to be."""
    if wanted is False:
        return "left out (--no-modules)"
    if wanted:
        return None
    if recipes.lookup(art.manifest.precision).weights in ("float32", "float16"):
        return "a float format; --modules compares it, too"
    if art.manifest.model.macs > MOST_MACS:
        return "a large model, which takes minutes; --modules compares it, too"
    return None


def _ranges(art: Artifact) -> tuple[Range, ...]:
    """Ranges of the int8 outputs; only static int8 has any."""
    if recipes.lookup(art.manifest.precision).activations != "int8":
        return ()
    found = registry.load(art.manifest.target).ranges(art.model_path)
    return tuple(Range(module=name, low=low, high=high) for name, (low, high) in found.items())


def _pictures(entries: Sequence[Entry]) -> tuple[Picture, ...]:
    """The golden images, each once, with the answer of every artifact that carries it."""
    pictures: dict[tuple[str, str], Picture] = {}
    for entry in entries:
        manifest = entry.artifact.manifest
        for item, compared in _answered(entry):
            key = (manifest.model.name, manifest.files[item.file])
            picture = pictures.get(key) or _picture(entry.artifact, item)
            answer = Answer(
                entry=entry.name,
                sqnr_db=compared.sqnr_db,
                guesses=_guesses(compared.logits, entry.artifact.labels),
            )
            pictures[key] = dataclasses.replace(picture, answers=(*picture.answers, answer))
    return tuple(pictures.values())


def _answered(entry: Entry) -> Iterator[tuple[Golden, GoldenParity]]:
    """The golden images that are shown, with the check of each."""
    if entry.check is not None:
        yield from zip(entry.artifact.manifest.golden[:SHOWN], entry.check.golden, strict=False)


def _picture(art: Artifact, item: Golden) -> Picture:
    """A golden image with what PyTorch gave for it, without answers."""
    logits = None if item.logits is None else np.array(item.logits, np.float32)
    return Picture(
        model=art.manifest.model.name,
        file=item.file,
        label=item.label,
        pixels=golden.image(art, item),
        guesses=_guesses(logits, art.labels),
        answers=(),
    )


def _guesses(logits: NDArray[np.float32] | None, labels: Sequence[str]) -> tuple[Guess, ...]:
    """The likeliest classes for (num_classes,) logits, none for features."""
    if logits is None:
        return ()
    exponents = np.exp(logits.astype(np.float64) - logits.max())
    shares = exponents / exponents.sum()
    order = np.argsort(-shares, kind="stable")[:BEST]
    return tuple(Guess(label=labels[i], share=float(shares[i])) for i in order)

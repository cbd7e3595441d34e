"""What a report says, gathered: of every artifact its manifest, and what it computes here, now."""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from slide_mobile import recipes
from slide_mobile.artifact.folder import Artifact
from slide_mobile.artifact.manifest import Golden
from slide_mobile.errors import SlideMobileError, ToolchainMissing
from slide_mobile.parity import metrics, rebuild, running
from slide_mobile.parity.images import ImageSet
from slide_mobile.parity.layerwise import ModuleParity
from slide_mobile.pipeline import check
from slide_mobile.progress import Progress, silent
from slide_mobile.targets import registry
from slide_mobile.targets.converter import Converter
from slide_mobile.tasks import LOGITS

# Golden images that are run and shown: more say nothing new, and cost time and bytes.
SHOWN = 4
BEST = 3  # classes of an image that are shown
# Beyond this many multiply-adds a comparison by module takes minutes: only where it is asked for.
MOST_MACS = 200_000_000


@dataclass(frozen=True, kw_only=True)
class Guess:
    """One class of an image, with its share of the softmax in 0..1."""

    label: str
    share: float


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What an artifact gave for one golden image; no guesses where there are no classes."""

    sqnr_db: float
    guesses: tuple[Guess, ...]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One artifact. `seen` is empty and `not_run` says why where it could not be run here.

    `modules` is empty and `no_modules` says why where they were not compared; `ranges` are what the
    int8 tensors of a file can hold, by module path.
    """

    name: str
    root: Path
    artifact: Artifact
    runtime: str
    seen: tuple[Seen, ...]
    failures: tuple[str, ...]
    not_run: str | None
    modules: tuple[ModuleParity, ...]
    no_modules: str | None
    ranges: tuple[tuple[str, float, float], ...]

    @property
    def passed(self) -> bool:
        """Whether everything that ran here reached its floor."""
        return not self.failures


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One golden image of a model, and what PyTorch said of it when it was recorded."""

    model: str
    path: Path
    label: str | None
    guesses: tuple[Guess, ...]
    seen: tuple[tuple[str, Seen], ...]  # by the entry's name


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A folder or file that could not be taken into the report, and why, in one line."""

    path: str
    line: str

    @property
    def said(self) -> str:
        """The line, with the path where it does not name it."""
        return self.line if self.path in self.line else f"{self.path}: {self.line}"


@dataclass(frozen=True, kw_only=True)
class Contents:
    """Everything that was found, in the order in which it was named."""

    entries: tuple[Entry, ...]
    problems: tuple[Problem, ...]
    pictures: tuple[Picture, ...]

    @property
    def passed(self) -> bool:
        """Whether every artifact could be read, and reached its floors."""
        return not self.problems and all(entry.passed for entry in self.entries)


def gather(
    roots: Sequence[Path],
    *,
    modules: bool | None,
    ranges: bool = True,
    progress: Progress = silent,
) -> Contents:
    """Open, verify and run artifacts; one that is damaged becomes a Problem, the rest goes on.

    Modules are compared with PyTorch's in every artifact if `modules`, in none if it is False, and
    if it is None in quantised ones of models that are small enough for it to take seconds. What
    int8 outputs can hold is read only if `ranges`.
    """
    entries, problems = [], []
    for i, root in enumerate(roots):
        progress("run the artifacts", i / len(roots))
        try:
            entries.append(_entry(root, modules, ranges, progress))
        except SlideMobileError as error:
            problems.append(Problem(path=str(root), line=" ".join(str(error).split())))
    named = tuple(
        dataclasses.replace(entry, name=name)
        for entry, name in zip(entries, short_names([e.artifact for e in entries]), strict=True)
    )
    return Contents(entries=named, problems=tuple(problems), pictures=_pictures(named))


def short_names(artifacts: Sequence[Artifact]) -> list[str]:
    """The fewest words that tell artifacts of one report apart."""
    several = {
        field: any(
            len({getattr(a.manifest, field) for a in artifacts if a.manifest.target == target}) > 1
            for target in {a.manifest.target for a in artifacts}
        )
        for field in ("backend", "via")
    }
    models = {a.manifest.model.name for a in artifacts}
    tasks = {a.manifest.task for a in artifacts}
    names = []
    for a in artifacts:
        m = a.manifest
        words = [
            m.model.name if len(models) > 1 else "",
            m.task if len(tasks) > 1 else "",
            m.target,
            m.backend if several["backend"] else "",
            f"via {m.via}" if several["via"] else "",
            m.precision,
        ]
        names.append(" ".join(filter(None, words)))
    seen: Counter[str] = Counter()
    unique = []
    for name in names:
        seen[name] += 1
        unique.append(name if names.count(name) == 1 else f"{name} ({seen[name]})")
    return unique


def _entry(root: Path, wanted: bool | None, ranges: bool, progress: Progress) -> Entry:
    art = Artifact.open(root)
    art.verify()
    entry = Entry(
        name=root.name,
        root=root,
        artifact=art,
        runtime="",
        seen=(),
        failures=(),
        not_run=None,
        modules=(),
        no_modules=None,
        ranges=(),
    )
    try:
        return _run(entry, wanted, ranges, progress)
    except ToolchainMissing as error:
        return dataclasses.replace(entry, not_run=str(error), no_modules=str(error))


def _run(entry: Entry, wanted: bool | None, ranges: bool, progress: Progress) -> Entry:
    art = entry.artifact
    converter = registry.load(art.manifest.target)
    runner = converter.runner(art.model_path)
    golden, recorded = rebuild.golden_images(art)
    few = recorded.first(SHOWN)
    found = few.seen_in(running.run(runner, golden.pixels[:SHOWN], art.manifest.task))
    recipe = recipes.lookup(art.manifest.precision)
    failures = [
        f"{name} of the golden images: {db:.1f} dB, the floor is {recipe.min_sqnr_db:g} dB"
        for name, rows in few.outputs.items()
        if (db := metrics.sqnr_db(rows, found[name])) < recipe.min_sqnr_db
    ]
    seen = tuple(
        Seen(
            sqnr_db=min(metrics.sqnr_db(few.outputs[name][i], found[name][i]) for name in found),
            guesses=_best(found[LOGITS][i], art.labels) if LOGITS in found else (),
        )
        for i in range(len(next(iter(found.values()))))
    )
    modules, why = _modules(art, golden, wanted, progress)
    return dataclasses.replace(
        entry,
        runtime=runner.runtime,
        seen=seen,
        failures=tuple(failures),
        modules=modules,
        no_modules=why,
        ranges=_ranges(converter, art) if ranges else (),
    )


def _ranges(converter: Converter, art: Artifact) -> tuple[tuple[str, float, float], ...]:
    """Only static int8 has any."""
    if recipes.lookup(art.manifest.precision).activations != "int8":
        return ()
    found = converter.ranges(art.model_path)
    return tuple((module, low, high) for module, (low, high) in found.items())


def _modules(
    art: Artifact, golden: ImageSet, wanted: bool | None, progress: Progress
) -> tuple[tuple[ModuleParity, ...], str | None]:
    """Each module beside PyTorch's, or why not."""
    quantised = recipes.lookup(art.manifest.precision).weights not in ("float32", "float16")
    if wanted is False:
        return (), "left out (--no-modules)"
    if wanted is None and not quantised:
        return (), "a float format; --modules compares it too"
    if wanted is None and art.manifest.model.macs > MOST_MACS:
        return (), "a large model, it would take minutes; --modules compares it too"
    pixels = golden.pixels if wanted else golden.pixels[:1]
    rows = check.module_parity(art, pixels, progress=progress)
    return rows, None if rows else "its checkpoint is not at hand; `check --modules` takes one"


def _pictures(entries: Sequence[Entry]) -> tuple[Picture, ...]:
    """The golden images, each once, with what every artifact that carries it said."""
    found: dict[tuple[str, str], Picture] = {}
    for entry in entries:
        model = entry.artifact.manifest.model.name
        for item, seen in zip(entry.artifact.manifest.golden, entry.seen, strict=False):
            key = (model, entry.artifact.manifest.files[item.file])
            if key not in found:
                found[key] = _picture(entry, item)
            old = found[key]
            found[key] = dataclasses.replace(old, seen=(*old.seen, (entry.name, seen)))
    return tuple(found.values())


def _picture(entry: Entry, item: Golden) -> Picture:
    logits = None if item.logits is None else np.array(item.logits, np.float32)
    return Picture(
        model=entry.artifact.manifest.model.name,
        path=entry.root / item.file,
        label=item.label,
        guesses=() if logits is None else _best(logits, entry.artifact.labels),
        seen=(),
    )


def _best(logits: NDArray[np.float32], labels: Sequence[str]) -> tuple[Guess, ...]:
    """The likeliest classes of (num_classes,) logits."""
    exponents = np.exp(logits.astype(np.float64) - logits.max())
    shares = exponents / exponents.sum()
    order = np.argsort(-shares, kind="stable")[:BEST]
    return tuple(Guess(label=labels[i], share=float(shares[i])) for i in order)


def with_problems(contents: Contents, problems: Sequence[Problem]) -> Contents:
    """The same with more that could not be taken."""
    return dataclasses.replace(contents, problems=(*contents.problems, *problems))

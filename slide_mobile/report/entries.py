"""One artifact of a report: its manifest, and a check of it, done now."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from slide_mobile import recipes
from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.errors import ToolchainMissing
from slide_mobile.isolation import isolated
from slide_mobile.lab import results
from slide_mobile.lab.verdict import Verdict
from slide_mobile.parity.check_result import CheckResult
from slide_mobile.pipeline.check import check
from slide_mobile.progress import Progress
from slide_mobile.targets import registry

# Comparing the modules of a model with more multiply-adds takes minutes: only on request.
MOST_MACS = 200_000_000


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
    its modules were not compared, None where they were. `labs` is what its lab.json says.
    """

    name: str
    artifact: ArtifactFolder
    check: CheckResult | None
    not_run: str | None
    no_modules: str | None
    ranges: tuple[Range, ...]
    labs: tuple[Verdict, ...] = ()

    @property
    def failures(self) -> tuple[str, ...]:
        """The floors that the check missed, and those that were missed in labs."""
        here = () if self.check is None else self.check.parity.failures
        failed = (v for v in self.labs if v.outcome == "failed")
        return (*here, *(f"{v.lab} in {v.arithmetic}: {v.why}" for v in failed))


def short_names(artifacts: Sequence[ArtifactFolder]) -> list[str]:
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


def read(root: Path, wanted: bool | None, ranges: bool, progress: Progress) -> Entry:
    """Open and check one artifact; raises SlideMobileError for a damaged one."""
    art = ArtifactFolder.open(root)
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
                "its checkpoint is not here; `check --modules --checkpoint FILE` compares it"
            )
    tried = results.read(art)
    return Entry(
        name=root.name,
        artifact=art,
        check=found,
        not_run=not_run,
        no_modules=no_modules,
        ranges=_ranges(art) if ranges and found is not None else (),
        labs=() if tried is None else tried.verdicts,
    )


def _why_no_modules(art: ArtifactFolder, wanted: bool | None) -> str | None:
    """Why modules are not compared, None where they are to be."""
    if wanted is False:
        return "left out (--no-modules)"
    if wanted:
        return None
    if recipes.lookup(art.manifest.precision).weights in ("float32", "float16"):
        return "a float format; --modules includes it"
    if art.manifest.model.macs > MOST_MACS:
        return "a large model, which takes minutes; --modules includes it"
    return None


@isolated(of=lambda art: art.root)
def _ranges(art: ArtifactFolder) -> tuple[Range, ...]:
    """Ranges of the int8 outputs; only static int8 has any."""
    if recipes.lookup(art.manifest.precision).activations != "int8":
        return ()
    found = registry.load(art.manifest.target).ranges(art.model_path)
    return tuple(Range(module=name, low=low, high=high) for name, (low, high) in found.items())

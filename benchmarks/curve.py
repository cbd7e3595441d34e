"""The paper's curve: accuracy against time, on this machine and by the estimate for phone cores.

    slide-mobile lab setup cost
    python -m benchmarks.curve [--models M ...] [--forms F ...] [--cores a76 a55] [--runs 50]
        [--files DIR] [--out benchmarks/results/curve.json]

Accuracies are the papers'; weights are random, as times do not depend on them. Files are built and
estimated one by one, minutes each, and kept with --files, so that a run can be ended and taken up
again. Files of other models that the output has from the same environment stay in it; what is still
missing of the whole curve is named there.
"""

import itertools
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from benchmarks.lib import file_cost
from benchmarks.lib.arguments import add_files, parser
from benchmarks.lib.building import drawings
from benchmarks.lib.isolation import alone
from benchmarks.lib.measuring import build_all, candidates
from benchmarks.lib.operation_times import fastest
from benchmarks.lib.results import curve as results
from benchmarks.lib.results.curve import PAPER_MS, CoreCycles, Curve, Point
from benchmarks.lib.results.document import environment, read, save
from benchmarks.lib.results.files import Candidate, ModelFile
from slide_mobile import models
from slide_mobile.bench import amx
from slide_mobile.demo.render import GOLDEN_SEED
from slide_mobile.lab.cost import cores, emulation, estimate, llvm

MODELS = tuple(PAPER_MS)
FORMS = ("published", "deploy")
CORES = ("a76", "a55")


def main() -> None:
    """Build, time, estimate and save."""
    arguments = parser(__doc__, out="curve.json", runs=50)
    arguments.add_argument("--models", nargs="+", default=MODELS)
    arguments.add_argument("--forms", nargs="+", default=FORMS)
    arguments.add_argument("--cores", nargs="+", default=CORES, choices=tuple(cores.CORES))
    add_files(arguments)
    options = arguments.parse_args()
    estimate.require_ready()
    amx.renounce()
    wanted = chosen(options.models, options.forms)
    empty = Curve(
        environment=environment(["tflite"], runs=options.runs),
        executed_by=emulation.executor(),
        simulated_by=tuple(llvm.simulator(cores.choose(core).scheduled) for core in options.cores),
        cores=tuple(options.cores),
        points=(),
    )
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.files or Path(scratch)
        found = build_all(wanted, folder)
        files = [file for file in found if isinstance(file, ModelFile)]
        result = merged(earlier(options.out, empty), timed(files, folder, options.runs))
        save(options.out, result)
        for file, core in estimates(files, folder, options.cores):
            result = merged(result, [with_estimate(file, core, folder, result)])
            save(options.out, result)
    print(results.table(result))


def chosen(names: Iterable[str], forms: Iterable[str]) -> list[Candidate]:
    """The files of these models, in fp32 and int8."""
    return [file for file in candidates(names, ["tflite"]) if file.form in forms]


def timed(files: Sequence[ModelFile], folder: Path, runs: int) -> list[Point]:
    """The files, run in turn on this machine; none has estimates yet."""
    Console(stderr=True).print(f"time {len(files)} files")
    paths = [file.path(folder) for file in files]
    images = [image(file) for file in files]
    times = alone(fastest, paths, images, runs).result()
    return [
        point(file, ms=time.whole / 1e3, estimates=())
        for file, time in zip(files, times, strict=True)
    ]


def estimates(
    files: Iterable[Candidate], folder: Path, names: Iterable[str]
) -> list[tuple[Candidate, str]]:
    """Every file on every core; what an earlier run has made comes first, as it takes no time."""
    everything = itertools.product(files, names)
    return sorted(
        everything, key=lambda x: file_cost.kept(file_cost.phone(x[1]), x[0].path(folder)) is None
    )


def with_estimate(file: Candidate, core: str, folder: Path, result: Curve) -> Point:
    """The point of a file, with the cycles of one more core."""
    Console(stderr=True).print(f"estimate {file.name} on {core}", highlight=False)
    found = file_cost.estimated(file_cost.phone(core), file.path(folder), image(file))
    (known,) = (each for each in result.points if each.name == file.name)
    added = CoreCycles(core=core, cycles=round(found.cycles))
    return msgspec.structs.replace(known, estimates=(*known.estimates, added))


def point(file: Candidate, *, ms: float | None, estimates: tuple[CoreCycles, ...]) -> Point:
    """A file with the accuracy that its paper prints."""
    held = {name: getattr(file, name) for name in Candidate.__struct_fields__}
    identity = {name: value for name, value in held.items() if value is not msgspec.UNSET}
    top1 = models.spec(file.model).paper.top1
    assert top1 is not None, f"no paper prints the accuracy of {file.model}"
    return Point(**identity, top1=top1, ms=ms, estimates=estimates)


def image(file: Candidate) -> NDArray[np.float32]:
    """What a file computes on."""
    return drawings(GOLDEN_SEED, 1, file.size).astype(np.float32)


def earlier(path: Path, empty: Curve) -> Curve:
    """What a file holds if it was measured in this environment with these cores, else nothing."""
    if not path.exists():
        return empty
    found = read(path, Curve)
    alike = (found.environment, found.cores) == (empty.environment, empty.cores)
    return found if alike else empty


def merged(old: Curve, new: Sequence[Point]) -> Curve:
    """The result with new points in place of old ones, in the order of MODELS."""
    points = {each.name: each for each in (*old.points, *new)}
    everything = [file.name for file in chosen(MODELS, FORMS)]
    places = {name: place for place, name in enumerate(everything)}
    complete = {name for name, each in points.items() if len(each.estimates) == len(old.cores)}
    return msgspec.structs.replace(
        old,
        points=tuple(sorted(points.values(), key=lambda each: places.get(each.name, len(places)))),
        wanted=tuple(everything),
        missing=tuple(name for name in everything if name not in complete),
    )


if __name__ == "__main__":
    main()

"""Mixed precision: which modules of a static int8 file go back to float, so that it passes.

The first file has every dense module in int8 that int8 makes faster. Where it misses a floor,
modules go back to float, the most sensitive first, as many as the errors measured say.
"""

from collections.abc import Sequence

from torch import nn

from slide_mobile.parity import images
from slide_mobile.parity.layerwise import dense
from slide_mobile.parity.result import ParityReport
from slide_mobile.pipeline import sensitivity
from slide_mobile.pipeline.attempt import Attempt, Job
from slide_mobile.pipeline.sensitivity import ModuleSensitivity
from slide_mobile.progress import Progress
from slide_mobile.recipes import is_quantizable

# Beyond this share of the modules in float, int8 is the wrong precision for the model.
MOST = 0.5
# Above the floor, because errors are not quite independent: near it, one more module in float is
# cheaper than another conversion.
MARGIN_DB = 0.5
# Where agreement misses its floor and SQNR does not, agreement cannot say how far off it is: ask
# for half the noise.
STEP_DB = 3.0
# Enough: with these the errors of the demo's modules add up to within 1.1 dB of its TFLite file's
# (benchmarks/results: sensitivity.json, targets.json).
CALIBRATION_SAMPLES = 16
SAMPLES = 4
NAMED = 3  # modules in a line of progress

Ranking = tuple[ModuleSensitivity, ...]


def rank(job: Job, progress: Progress) -> Ranking:
    """Rank the modules that int8 takes by what each costs alone, the most sensitive first."""
    return sensitivity.measure(
        job.deployed,
        candidates(job.deployed),
        calibration=images.spread(job.request.calibration, CALIBRATION_SAMPLES),
        pixels=images.spread(list(job.images.evaluation.pixels), SAMPLES),
        progress=progress,
    )


def next_float_modules(ranking: Ranking, found: Attempt) -> tuple[str, ...]:
    """Name the modules that the next attempt keeps in float; no more than MOST of them all."""
    report, given = found.report, len(found.float_modules)
    count = sensitivity.enough(
        ranking, given=given, measured_db=report.sqnr_db, wanted_db=wanted_db(report)
    )
    count = max(given, min(count, int(MOST * len(ranking))))
    return tuple(row.module for row in ranking[:count])


def announcement(found: Attempt, float_modules: Sequence[str]) -> str:
    """Say which modules the next attempt adds, in a line of progress."""
    report, added = found.report, float_modules[len(found.float_modules) :]
    return (
        f"{report.recipe.name} misses its floor ({'; '.join(report.failures)}): "
        f"keep {_listed(added)} in float"
    )


def notes(found: Attempt) -> tuple[str, ...]:
    """A line on modules that were kept in float in vain, where there are any."""
    given = found.float_modules
    if not given:
        return ()
    return (f"{len(given)} modules kept in float were not enough: {_listed(given)}",)


def candidates(deployed: nn.Module) -> list[str]:
    """Paths of the modules of a deploy form that int8 takes."""
    return [
        path
        for path, module in dense(deployed).items()
        if is_quantizable(*module.get_parameter("weight").shape[:2])
    ]


def wanted_db(report: ParityReport) -> float:
    """SQNR of the worst output that the next file should reach, in dB."""
    floor = report.recipe.min_sqnr_db
    return floor + MARGIN_DB if report.sqnr_db < floor else report.sqnr_db + STEP_DB


def _listed(modules: Sequence[str]) -> str:
    more = len(modules) - NAMED
    return ", ".join(modules[:NAMED]) + (f" and {more} more" if more > 0 else "")

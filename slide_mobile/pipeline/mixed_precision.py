"""Mixed precision: choose the modules that stay in float so that a static int8 file passes.

In the first file, every dense module that int8 makes faster is in int8. If that file misses a
floor, the most sensitive modules go back to float; their measured errors say how many.
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

# If more than this fraction of the modules were in float, int8 would be the wrong precision.
MOST = 0.5
# Margin above the floor: errors are not quite independent, and one more module in float is cheaper
# than another conversion.
MARGIN_DB = 0.5
# If top-1 agreement misses its floor but SQNR does not, aim for half the noise: agreement does not
# show how much noise is too much.
STEP_DB = 3.0
# With so many images, the errors of the demo's modules add up to within 1.1 dB of the error of its
# TFLite file (benchmarks/results: sensitivity.json, targets.json).
CALIBRATION_SAMPLES = 16
SAMPLES = 4
NAMED = 3  # modules that a line of progress names

Ranking = tuple[ModuleSensitivity, ...]


def rank(job: Job, progress: Progress) -> Ranking:
    """Rank the quantizable modules by the error that each causes alone, most sensitive first."""
    return sensitivity.measure(
        job.deployed,
        candidates(job.deployed),
        calibration=images.spread(job.request.calibration, CALIBRATION_SAMPLES),
        pixels=images.spread(list(job.images.evaluation.pixels), SAMPLES),
        progress=progress,
    )


def next_float_modules(ranking: Ranking, found: Attempt) -> tuple[str, ...]:
    """Name the modules that the next attempt keeps in float, at most the fraction MOST of all."""
    report, given = found.report, len(found.float_modules)
    count = sensitivity.enough(
        ranking, given=given, measured_db=report.sqnr_db, wanted_db=wanted_db(report)
    )
    count = max(given, min(count, int(MOST * len(ranking))))
    return tuple(row.module for row in ranking[:count])


def announcement(found: Attempt, float_modules: Sequence[str]) -> str:
    """Return the line of progress that names the modules which go back to float next."""
    report, added = found.report, float_modules[len(found.float_modules) :]
    return (
        f"{report.recipe.name} misses its floor ({'; '.join(report.failures)}): "
        f"try again with {_listed(added)} in float"
    )


def notes(found: Attempt) -> tuple[str, ...]:
    """Return a note on the modules that were kept in float without success, if there are any."""
    given = found.float_modules
    if not given:
        return ()
    return (f"{len(given)} modules kept in float were not enough: {_listed(given)}",)


def candidates(deployed: nn.Module) -> list[str]:
    """Return the paths of the modules of a deploy form that int8 quantizes."""
    return [
        path
        for path, module in dense(deployed).items()
        if is_quantizable(*module.get_parameter("weight").shape[:2])
    ]


def wanted_db(report: ParityReport) -> float:
    """Return the SQNR that the worst output of the next file should reach, in dB."""
    floor = report.recipe.min_sqnr_db
    return floor + MARGIN_DB if report.sqnr_db < floor else report.sqnr_db + STEP_DB


def _listed(modules: Sequence[str]) -> str:
    """Name the first modules, and count the rest."""
    more = len(modules) - NAMED
    return ", ".join(modules[:NAMED]) + (f" and {more} more" if more > 0 else "")

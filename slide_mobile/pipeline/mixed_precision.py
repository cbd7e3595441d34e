"""Static int8, less what it takes to hold the floors.

The first file has every thick dense module in int8, the fastest there is. Where it misses a floor,
modules go back to float one after another, the most sensitive first, until a file passes.
"""

from collections.abc import Callable, Sequence

from torch import nn

from slide_mobile.parity import images
from slide_mobile.parity.layerwise import dense
from slide_mobile.parity.result import ParityReport
from slide_mobile.pipeline import sensitivity
from slide_mobile.pipeline.manifest_builder import Job, Proof
from slide_mobile.progress import Progress
from slide_mobile.recipes import is_thick

# Beyond this share of the modules in float, int8 is the wrong precision for the model.
MOST = 0.5
# Above the floor, because errors are not quite independent: close to it, a module more in float is
# cheaper than another conversion.
MARGIN_DB = 0.5
# Asked for where not the SQNR misses its floor but the agreement, which does not say how far off
# it is: half the noise.
STEP_DB = 3.0
# Enough: with these the errors of the demo's modules add up to within 1.1 dB of its TFLite file's
# (benchmarks/results: sensitivity.json, targets.json).
CALIBRATION_SAMPLES = 16
SAMPLES = 4
NAMED = 3  # modules in a line of progress

Attempt = Callable[[Sequence[str]], Proof]


def prove(job: Job, deployed: nn.Module, attempt: Attempt, progress: Progress) -> Proof:
    """The first attempt that passes, or the last there is.

    `attempt` writes the file anew, with the modules of these paths in float.
    """
    proof = attempt(())
    if proof.report.passed or not job.request.recipe.needs_calibration:
        return proof
    ranking = sensitivity.measure(
        deployed,
        candidates(deployed),
        calibration=images.spread(job.request.calibration, CALIBRATION_SAMPLES),
        pixels=images.spread(list(job.evidence.comparison.pixels), SAMPLES),
        progress=progress,
    )
    modules, most = [row.module for row in ranking], int(MOST * len(ranking))
    given = 0
    while not proof.report.passed and given < most:
        report = proof.report
        count = sensitivity.enough(
            ranking, given=given, measured_db=report.sqnr_db, wanted_db=wanted_db(report)
        )
        count = min(count, most)
        progress(
            f"{report.recipe.name} misses its floor ({'; '.join(report.failures)}): "
            f"give back {_listed(modules[given:count])}"
        )
        given = count
        proof = attempt(modules[:given])
    return proof


def in_vain(proof: Proof) -> tuple[str, ...]:
    """A line on modules that were given back without reaching the floors, where there are any."""
    given = proof.float_modules
    if not given:
        return ()
    return (f"{len(given)} modules given back to float did not suffice: {_listed(given)}",)


def candidates(deployed: nn.Module) -> list[str]:
    """Paths of the modules of a deploy form that int8 takes."""
    return [
        path
        for path, module in dense(deployed).items()
        if is_thick(*module.get_parameter("weight").shape[:2])
    ]


def wanted_db(report: ParityReport) -> float:
    """SQNR of the worst output that the next file should reach, in dB."""
    floor = report.recipe.min_sqnr_db
    return floor + MARGIN_DB if report.sqnr_db < floor else report.sqnr_db + STEP_DB


def _listed(modules: Sequence[str]) -> str:
    more = len(modules) - NAMED
    return ", ".join(modules[:NAMED]) + (f" and {more} more" if more > 0 else "")

"""The images of a conversion: those that int8 learns from, and those it is compared on."""

from dataclasses import dataclass
from pathlib import Path

from slide_mobile.demo import render
from slide_mobile.errors import UsageError
from slide_mobile.parity import images
from slide_mobile.parity.images import ImageSet
from slide_mobile.parity.reference import Reference
from slide_mobile.parity.source import CalibrationImages
from slide_mobile.preprocess import Pixels, find
from slide_mobile.progress import Progress
from slide_mobile.recipes import Recipe

# Enough that one disagreement is below 1 %.
COMPARED = 128
# Untrained weights have no agreement to measure, and SQNR settles at once.
COMPARED_UNTRAINED = 16
# Feature maps have no agreement either, and 10,000 values for each logit. They take memory: at
# 800 x 1216 pixels, 44 MB for each image.
COMPARED_MAPS = 8
# Fewer images than this prove nothing: then the calibration images are compared on too.
ENOUGH = 32


@dataclass(frozen=True, kw_only=True)
class Datasets:
    """The calibration set, None where the recipe needs none, and the evaluation set."""

    calibration: ImageSet | None
    evaluation: ImageSet

    @property
    def calibration_pixels(self) -> tuple[Pixels, ...]:
        """The images to calibrate with, none where none are needed."""
        return () if self.calibration is None else tuple(self.calibration.pixels)

    @property
    def skipped(self) -> tuple[str, ...]:
        """A line for each image that could not be read."""
        lines = self.evaluation.skipped
        if self.calibration is not None:
            lines = self.calibration.skipped + lines
        return tuple(dict.fromkeys(lines))


def gather(
    ref: Reference, recipe: Recipe, calibration: CalibrationImages, progress: Progress
) -> Datasets:
    """Choose the images of a conversion; raises UsageError where int8 has none to learn from.

    The demo is compared on its own held-out drawings, with their labels. A user's checkpoint is
    calibrated on the user's images and on nothing else. Where only numbers are compared (a float
    format, or untrained weights), the demo's drawings serve.
    """
    if calibration.folder is not None:
        progress("read the images")
        return _from_folder(ref, recipe, calibration.folder, calibration.samples, progress)
    learned = None
    if recipe.needs_calibration:
        if ref.trained and not ref.is_demo:
            raise UsageError(
                "int8 needs images like those the model will see: give --calibration DIR "
                f"({calibration.samples} are plenty), or use --precision int8-dynamic, "
                "which needs none"
            )
        learned = drawings(
            render.CALIBRATION_SEED, calibration.samples, ref, "calibration", progress
        )
    compared = held_out(ref, progress) if has_held_out(ref) else unlabelled(ref, progress)
    return Datasets(calibration=learned, evaluation=compared)


def has_held_out(ref: Reference) -> bool:
    """Whether there are labelled images that the model never saw: only the demo has such."""
    return ref.is_demo and ref.task == "classify"


def unlabelled(ref: Reference, progress: Progress) -> ImageSet:
    """Drawings to compare numbers on."""
    return drawings(render.GOLDEN_SEED, count(ref), ref, "comparison", progress).unlabelled()


def held_out(ref: Reference, progress: Progress) -> ImageSet:
    """The drawings that the demo was not trained on, with their labels."""
    return drawings(render.HELD_OUT_SEED, render.HELD_OUT_COUNT, ref, "held-out", progress)


def drawings(seed: int, count: int, ref: Reference, purpose: str, progress: Progress) -> ImageSet:
    """The demo's drawings at the model's input size."""
    return images.rendered(
        seed,
        count,
        ref.input_size,
        source=f"rendered drawings, {purpose} split",
        stage=f"render {purpose} images",
        progress=progress,
    )


def count(ref: Reference) -> int:
    """How many images to compare on, where nothing else says so."""
    if ref.task != "classify":
        return COMPARED_MAPS
    return COMPARED if ref.trained else COMPARED_UNTRAINED


def _from_folder(
    ref: Reference, recipe: Recipe, folder: Path, samples: int, progress: Progress
) -> Datasets:
    paths = find(folder)
    calibration, rest = None, paths
    if recipe.needs_calibration:
        chosen = images.spread(paths, samples)
        calibration = images.read(chosen, ref.input_size, source=folder.name)
        unseen = [path for path in paths if path not in set(chosen)]
        rest = unseen if len(unseen) >= ENOUGH else paths
    if has_held_out(ref):
        evaluation = held_out(ref, progress)
    else:
        evaluation = images.read(
            images.spread(rest, count(ref)), ref.input_size, source=folder.name
        )
    return Datasets(calibration=calibration, evaluation=evaluation)

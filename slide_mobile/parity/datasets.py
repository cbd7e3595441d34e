"""The images of a conversion: the calibration set for int8, and the evaluation set."""

from dataclasses import dataclass
from pathlib import Path

from slide_mobile.demo import render
from slide_mobile.errors import UsageError
from slide_mobile.parity import images
from slide_mobile.parity.images import ImageSet
from slide_mobile.parity.reference import Reference
from slide_mobile.parity.source import CalibrationImages
from slide_mobile.preprocess import Pixels
from slide_mobile.progress import Progress
from slide_mobile.recipes import Recipe

# With so many images, one disagreement is less than 1 %.
COMPARED = 128
# The demo's held-out drawings, the same number of each of its 12 classes. All 2,400 take half a
# minute, and move the numbers by a tenth of a point.
COMPARED_DRAWINGS = 204
# With untrained weights only SQNR is measured, and it hardly varies between images.
COMPARED_UNTRAINED = 16
# For feature maps, too, only SQNR is measured, and a map has 10,000 times as many values as the
# logits. They need memory: 44 MB per image at 800 x 1216 pixels.
COMPARED_MAPS = 8
# A folder with fewer images than calibration and this many for the comparison is split, in the
# ratio of what both want.
ENOUGH = 32


@dataclass(frozen=True, kw_only=True)
class Datasets:
    """The calibration set, None where the recipe needs none, and the evaluation set."""

    calibration: ImageSet | None
    evaluation: ImageSet
    split: str = ""  # how a folder was divided that has too few images for both

    @property
    def calibration_pixels(self) -> tuple[Pixels, ...]:
        """The pixels of the calibration set, empty if the recipe needs none."""
        return () if self.calibration is None else tuple(self.calibration.pixels)

    @property
    def notes(self) -> tuple[str, ...]:
        """A line for each image that could not be read or is odd, and one on a split."""
        lines = self.evaluation.skipped + self.evaluation.odd
        if self.calibration is not None:
            lines = self.calibration.skipped + self.calibration.odd + lines
        if self.split:
            lines = (*lines, self.split)
        return tuple(dict.fromkeys(lines))


def gather(
    ref: Reference,
    recipe: Recipe,
    calibration: CalibrationImages,
    progress: Progress,
    *,
    full: bool = False,
) -> Datasets:
    """Choose the calibration and evaluation images; raises UsageError if calibration has none.

    The demo is evaluated on its own held-out drawings, with their labels, on all of them if
    `full`. A user's checkpoint is
    calibrated only on the user's images. If no calibration set is needed (float formats) or the
    weights are untrained, the demo's drawings are used.
    """
    if calibration.folder is not None or calibration.images is not None:
        progress("read the images")
        return _of_user(ref, recipe, calibration, progress, full)
    learned = None
    if recipe.needs_calibration:
        if ref.trained and not ref.is_demo:
            raise UsageError(
                "int8 needs images like those that the model will see: give --calibration DIR "
                f"({calibration.samples} are enough), or use --precision int8-dynamic, "
                "which needs none"
            )
        learned = drawings(
            render.CALIBRATION_SEED, calibration.samples, ref, "calibration", progress
        )
    compared = held_out(ref, progress, full) if has_held_out(ref) else unlabelled(ref, progress)
    return Datasets(calibration=learned, evaluation=compared)


def has_held_out(ref: Reference) -> bool:
    """Whether the model has labeled images that it was not trained on; only the demo has them."""
    return ref.is_demo and ref.task == "classify"


def unlabelled(ref: Reference, progress: Progress) -> ImageSet:
    """Render drawings without labels, for measuring SQNR."""
    return drawings(render.GOLDEN_SEED, count(ref), ref, "comparison", progress).unlabelled()


def held_out(ref: Reference, progress: Progress, full: bool) -> ImageSet:
    """Render drawings that the demo was not trained on, with labels; all of them if `full`."""
    count = render.HELD_OUT_COUNT if full else COMPARED_DRAWINGS
    return drawings(render.HELD_OUT_SEED, count, ref, "held-out", progress)


def drawings(seed: int, count: int, ref: Reference, purpose: str, progress: Progress) -> ImageSet:
    """Render drawings of the demo's data set at the model's input size."""
    return images.rendered(
        seed,
        count,
        ref.input_size,
        source=f"rendered drawings, {purpose} split",
        stage=f"render {purpose} images",
        progress=progress,
    )


def count(ref: Reference) -> int:
    """Return the default number of evaluation images for a model and task."""
    if ref.task != "classify":
        return COMPARED_MAPS
    return COMPARED if ref.trained else COMPARED_UNTRAINED


def _of_user(
    ref: Reference, recipe: Recipe, given: CalibrationImages, progress: Progress, full: bool
) -> Datasets:
    """Split a user's images into a calibration set and an evaluation set, which share no image."""
    samples = given.samples
    pool = _pool(given, ref.input_size, samples * recipe.needs_calibration + count(ref))
    calibration, rest, split = None, list(range(pool.count)), ""
    if recipe.needs_calibration:
        compared = 0 if has_held_out(ref) else min(ENOUGH, count(ref))
        learned = _share(pool.count, samples, compared, pool.name)
        chosen = images.spread(rest, learned)
        calibration = pool.read(chosen)
        rest = sorted({*rest} - {*chosen})
        if learned < samples and compared:
            split = (
                f"{pool.count} images are in {pool.name}, fewer than calibration and comparison "
                f"want ({samples} and {compared}): {learned} were calibrated on, and the file was "
                f"compared on the other {len(rest)}"
            )
    if has_held_out(ref):
        evaluation = held_out(ref, progress, full)
    else:
        evaluation = pool.read(images.spread(rest, count(ref)))
    return Datasets(calibration=calibration, evaluation=evaluation, split=split)


def _pool(given: CalibrationImages, size: tuple[int, int], most: int) -> images.Pool:
    """The images of a folder, or at most so many of those in memory; raises UsageError."""
    if given.folder is not None:
        return images.in_folder(Path(given.folder), size)
    assert given.images is not None
    return images.in_memory(given.images, size, most)


def _share(found: int, samples: int, compared: int, name: str) -> int:
    """How many of a user's images calibrate; both sets get one at least.

    Raises UsageError for a single image.
    """
    if not compared or found >= samples + compared:
        return samples
    if found < 2:
        raise UsageError(
            f"{name} has one image: int8 needs one to calibrate on, and another to be compared "
            f"on; give {samples + compared}, or --precision int8-dynamic, which needs none"
        )
    return min(max(1, round(found * samples / (samples + compared))), found - 1)

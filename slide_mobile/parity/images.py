"""Image sets at a model's input size: of a user, or rendered from the demo's data set."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from slide_mobile.demo import render
from slide_mobile.errors import UsageError
from slide_mobile.isolation import isolated
from slide_mobile.parity.source import MOST_IMAGES
from slide_mobile.preprocess import Opened, Pixels, UnreadableImage, find, fitted, load
from slide_mobile.progress import Progress, silent

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class ImageSet:
    """RGB images as bytes, (N, H, W, 3), with class numbers as `labels` if they are known.

    `source` says where the images come from, for the manifest. `skipped` names files that could not
    be read, and `odd` those whose pixels are all of one colour.
    """

    pixels: NDArray[np.uint8]
    labels: tuple[int, ...] | None
    source: str
    skipped: tuple[str, ...] = ()
    odd: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.pixels)

    @property
    def sha256(self) -> str:
        """The sha256 of all pixels, in order."""
        return hashlib.sha256(self.pixels.tobytes()).hexdigest()

    def unlabelled(self) -> "ImageSet":
        """Return the same images without labels, for a model with other classes."""
        return replace(self, labels=None)


@isolated(of=lambda paths: paths[0].parent, error=UsageError, seconds=20)
def read(
    paths: Sequence[Path], size: tuple[int, int], *, source: str, progress: Progress = silent
) -> ImageSet:
    """Read image files; those that cannot be read are skipped and named.

    Raises UsageError if none can be read.
    """
    pixels, skipped, odd = [], [], []
    for path in paths:
        progress(f"read {path.name}")
        try:
            pixels.append(load(path, size))
            odd += _odd(path.name, pixels[-1])
        except UnreadableImage as error:
            skipped.append(str(error))
    if not pixels:
        raise UsageError(f"no image in {source} can be read ({len(paths)} tried): {skipped[0]}")
    return ImageSet(
        pixels=np.stack(pixels),
        labels=None,
        source=source,
        skipped=tuple(skipped),
        odd=tuple(odd),
    )


@isolated(error=UsageError, seconds=20)
def read_labelled(
    folder: Path, size: tuple[int, int], labels: Sequence[str], *, progress: Progress = silent
) -> ImageSet:
    """Read a folder of class folders, each named by label or class number, for task top-1.

    Raises UsageError if a folder is not named after a class, or if images lie outside the class
    folders.
    """
    numbers = {str(i): i for i in range(len(labels))} | {name: i for i, name in enumerate(labels)}
    pixels, found, skipped, odd = [], [], [], []
    paths = find(folder)
    if len(paths) > MOST_IMAGES:
        raise UsageError(
            f"{folder} has {len(paths)} images; at most {MOST_IMAGES} are read, so remove some"
        )
    for path in paths:
        name = path.relative_to(folder).parts[0]
        if name not in numbers:
            raise UsageError(
                f"{folder / name} is not named after a class; "
                f"name class folders by label ({', '.join(labels[:3])}, ...) or by number"
            )
        progress(f"read {path.relative_to(folder)}")
        try:
            pixels.append(load(path, size))
            odd += _odd(path.name, pixels[-1])
            found.append(numbers[name])
        except UnreadableImage as error:
            skipped.append(str(error))
    if not pixels:
        raise UsageError(f"no image in {folder} can be read ({len(paths)} tried): {skipped[0]}")
    return ImageSet(
        pixels=np.stack(pixels),
        labels=tuple(found),
        source=folder.name,
        skipped=tuple(skipped),
        odd=tuple(odd),
    )


def is_labelled(folder: Path, labels: Sequence[str]) -> bool:
    """Whether a folder has subfolders that are named after classes; raises UsageError if empty."""
    names = {str(i) for i in range(len(labels))} | set(labels)
    return any(path.relative_to(folder).parts[0] in names for path in find(folder))


@dataclass(frozen=True, kw_only=True)
class Pool:
    """The images of a user; `read` takes some of them by number, and makes a set of them."""

    name: str
    count: int
    read: Callable[[Sequence[int]], ImageSet]


def in_folder(folder: Path, size: tuple[int, int]) -> Pool:
    """The image files of a folder; raises UsageError if there are none."""
    paths = find(folder)
    return Pool(
        name=folder.name,
        count=len(paths),
        read=lambda numbers: read([paths[i] for i in numbers], size, source=folder.name),
    )


def in_memory(given: Iterable[Opened], size: tuple[int, int], most: int) -> Pool:
    """At most so many of the images that a caller gives; raises UsageError if there are none."""
    pixels = [fitted(image, size) for image in islice(given, most)]
    if not pixels:
        raise UsageError("no calibration image was given; an iterator can be used only once")

    def chosen(numbers: Sequence[int]) -> ImageSet:
        """Some of the images, by number."""
        return ImageSet(
            pixels=np.stack([pixels[i] for i in numbers]),
            labels=None,
            source="images in memory",
            odd=tuple(line for i in numbers for line in _odd(f"image {i}", pixels[i])),
        )

    return Pool(name="memory", count=len(pixels), read=chosen)


def _odd(name: str, pixels: Pixels) -> list[str]:
    """A note on an image without content: most often a file of values that were read wrongly."""
    if (pixels == pixels[0, 0]).all():
        return [f"{name} is of one colour, {tuple(map(int, pixels[0, 0]))}: is it an image?"]
    return []


def spread(items: Sequence[T], count: int) -> list[T]:
    """Choose at most `count` items at even distances, so that every class folder is represented."""
    count = min(count, len(items))
    return [items[i * len(items) // count] for i in range(count)]


def rendered(
    seed: int,
    count: int,
    size: tuple[int, int],
    *,
    source: str,
    stage: str,
    progress: Progress = silent,
) -> ImageSet:
    """Render drawings of the demo's data set at a size (height, width), with their labels."""

    def report(done: int, total: int) -> None:
        progress(stage, done / total)

    height, width = size
    side = max(size)
    pixels, labels = render.render_many(seed, count, side, progress=report)
    # Center crop for inputs that are not square.
    top, left = (side - height) // 2, (side - width) // 2
    pixels = np.ascontiguousarray(pixels[:, top : top + height, left : left + width])
    return ImageSet(pixels=pixels, labels=tuple(map(int, labels)), source=source)

"""Images: from a file to the (H, W, 3) bytes that a model takes, and to normalized numbers.

Every artifact takes raw RGB in 0..255; its first convolution contains the `Normalization`.
"""

import importlib
import math
import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from slide_mobile.errors import UsageError
from slide_mobile.isolation import files
from slide_mobile.isolation.files import StrPath

Pixels = NDArray[np.uint8]  # (H, W, 3), RGB
Opened = Image.Image | Pixels  # an image in memory
Picture = StrPath | Opened
Size = int | tuple[int, int]  # of an image: its side, or (height, width), in pixels

HEIC = frozenset({".heic", ".heif"})  # what phones take; read by pillow-heif, an extra
SUFFIXES = HEIC | {
    ".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp",
}  # fmt: skip
# The same as Pillow names them: its other decoders are for files that nobody calibrates with.
FORMATS = ("BMP", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
MOST_FILE_BYTES = 1 << 29
MOST_SIDE = 1 << 15  # pixels; a narrow image of more would be resized to gigabytes on its way
# Fraction of the shorter side that the center crop keeps, as ImageNet's 224 of 256.
CROP = 0.875


@dataclass(frozen=True, kw_only=True)
class Normalization:
    """Per-channel mean and standard deviation of RGB in 0..1."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def __post_init__(self) -> None:
        """Refuse NaN, infinity, and a standard deviation that would divide by zero."""
        if not all(map(math.isfinite, self.mean + self.std)) or min(self.std) <= 0:
            raise UsageError(
                f"mean {self.mean} and std {self.std} must be finite, and std positive"
            )


# The values of torchvision, with which the official weights were trained.
IMAGENET = Normalization(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


class UnreadableImage(UsageError):
    """The file is not an image that Pillow can decode."""


def planar(image: Pixels) -> NDArray[np.float32]:
    """(H, W, 3) bytes -> (1, 3, H, W) float32 in 0..255, the input of a channels-first model."""
    return np.ascontiguousarray(image.transpose(2, 0, 1)[None], np.float32)


def load(path: Path, size: tuple[int, int], *, crop: float = CROP) -> Pixels:
    """Read an image, turned upright (EXIF), center-cropped and resized to (height, width) pixels.

    An image that already has that size is not changed. Raises UnreadableImage.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with (
                files.opened(path, most=MOST_FILE_BYTES) as file,
                Image.open(file, formats=_formats(path)) as opened,
            ):
                _require_sides(opened)
                sixteen = opened.format in ("PNG", "PPM")  # also where Pillow says 32 bits
                return fit(opened, size, crop=crop, sixteen=sixteen)
    except Exception as error:  # a decoder of damaged bytes can raise anything
        raise UnreadableImage(f"{path} is not a readable image ({_reason(error)})") from error


def fit(
    image: Image.Image, size: tuple[int, int], *, crop: float = CROP, sixteen: bool = False
) -> Pixels:
    """Turn an image upright (EXIF), center-crop it, and resize it to (height, width) pixels.

    An image of `sixteen` bits holds them in the 32 that Pillow says.
    """
    return np.asarray(_fit(_rgb(ImageOps.exif_transpose(image), sixteen=sixteen), size, crop))


def pixels_of(picture: Picture, size: tuple[int, int]) -> Pixels:
    """Read an image, or take one in memory, and fit it to (height, width) pixels.

    Raises UnreadableImage for a file, UsageError for what is no image.
    """
    if isinstance(picture, str | PathLike):
        return load(Path(picture), size)
    return fitted(picture, size)


def fitted(image: Opened, size: tuple[int, int]) -> Pixels:
    """Fit an image in memory to (height, width) pixels; raises UsageError for what is none."""
    return fit(image if isinstance(image, Image.Image) else _from_array(image), size)


def sides(size: Size) -> tuple[int, int]:
    """A size as (height, width) in pixels; raises UsageError for another value."""
    found = (size, size) if isinstance(size, int) else size
    if (
        not isinstance(found, tuple | list)
        or len(found) != 2
        or not all(isinstance(side, int) and side > 0 for side in found)
    ):
        raise UsageError(
            f"an input size is a number of pixels or (height, width), such as 224 or (224, 320), "
            f"not {size!r:.40}"
        )
    return found[0], found[1]


def find(folder: Path) -> list[Path]:
    """List the images in a folder and its subfolders, sorted by path; UsageError if none."""
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder: give a folder of images")
    paths = sorted(p for p in _walk(folder) if p.suffix.lower() in SUFFIXES)
    if not paths:
        raise UsageError(f"{folder} contains no images ({', '.join(sorted(SUFFIXES))})")
    return paths


def normalize(
    images: Sequence[Pixels] | NDArray[np.uint8], by: Normalization
) -> NDArray[np.float32]:
    """(B, H, W, 3) bytes -> (B, 3, H, W) float32, normalized as the reference model expects."""
    mean, std = np.array(by.mean, np.float32), np.array(by.std, np.float32)
    x = (np.asarray(images).astype(np.float32) / np.float32(255) - mean) / std
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2))


def _walk(folder: Path) -> Iterator[Path]:
    """Files in a folder and its subfolders; follows links, and visits each folder once."""
    seen: set[Path] = set()
    for parent, folders, names in os.walk(folder, followlinks=True):
        real = Path(parent).resolve()
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        yield from (Path(parent, name) for name in names)


def _from_array(image: Pixels) -> Image.Image:
    """(H, W, 3) bytes as an image; raises UsageError for another value."""
    if not isinstance(image, np.ndarray):
        raise UsageError(
            f"an image in memory is a PIL image or an array of RGB bytes, not a "
            f"{type(image).__name__}"
        )
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise UsageError(
            f"an image array is RGB bytes of shape (H, W, 3), not {image.dtype} of {image.shape}"
        )
    return Image.fromarray(image)


def _require_sides(image: Image.Image) -> None:
    """Raise ValueError for an image that takes gigabytes to decode or to resize."""
    if max(image.size) > MOST_SIDE:
        width, height = image.size
        raise ValueError(f"it has {width} x {height} pixels, and a side more than {MOST_SIDE}")


def _reason(error: Exception) -> str:
    """Why an image cannot be read, without the path."""
    if isinstance(error, UnidentifiedImageError):
        return "unknown format"
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return " ".join((reason or str(error) or type(error).__name__).split())[:200]


def _formats(path: Path) -> tuple[str, ...]:
    """The formats in which a file may be; raises ValueError for HEIC without its reader."""
    if path.suffix.lower() not in HEIC:
        return FORMATS
    try:
        heif = importlib.import_module("pillow_heif")
    except ModuleNotFoundError as error:
        raise ValueError("HEIC needs pillow-heif: pip install 'slide-mobile[heic]'") from error
    heif.register_heif_opener()
    return (*FORMATS, "HEIF")


def _rgb(image: Image.Image, *, sixteen: bool) -> Image.Image:
    """Convert to 8-bit RGB as torchvision's loader does, but scale wider gray, not clip it.

    Gray of 16 bits is scaled by its type, gray of 32 bits by the smallest type that holds its
    values; gray in floating point is 0..1, or 0..255 where a value is larger.
    """
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image)
        bounds: tuple[float, ...] = (255.0, 65_535.0, float(2**31 - 1))
        if image.mode == "F":
            bounds = (1.0, 255.0)
        if sixteen or values.dtype.itemsize == 2:
            bounds = (65_535.0,)
        image = Image.fromarray(_bytes_of(values, bounds))
    return image.convert("RGB")


def _bytes_of(values: NDArray[Any], bounds: tuple[float, ...]) -> NDArray[np.uint8]:
    """Gray of any type -> bytes; white is the first bound that no value is beyond, or the last."""
    largest = float(values.max(initial=0))
    white = next((bound for bound in bounds if largest <= bound), bounds[-1])
    return np.asarray(np.nan_to_num(values / white * 255).clip(0, 255), dtype=np.uint8)


def _fit(image: Image.Image, size: tuple[int, int], crop: float) -> Image.Image:
    """Crop the center of the image, and resize it to (height, width) pixels."""
    height, width = size
    if image.size == (width, height):
        return image
    # The largest centered box with the requested aspect ratio, shrunk by `crop`.
    scale = min(image.width / width, image.height / height) * crop
    box_w, box_h = width * scale, height * scale
    left, top = (image.width - box_w) / 2, (image.height - box_h) / 2
    # First the rows, then the columns. One call would do both, but in an order that depends on
    # Pillow's version (up to 12 rows first, ImagingResampleInner; 13.0 the cheaper order), and the
    # values in between are rounded to bytes.
    rows = (left, 0, left + box_w, image.height)
    narrow = image.resize((width, image.height), Image.Resampling.BICUBIC, box=rows)
    columns = (0, top, width, top + box_h)
    return narrow.resize((width, height), Image.Resampling.BICUBIC, box=columns)

"""Golden images and PyTorch's outputs for them: write them, and read them back.

An image is a binary PPM file: `P6`, width and height, `255`, then the pixels row by row. Every
image viewer opens it, and a reader in any language takes ten lines.

Logits are in the manifest. Feature maps are too large for that, and whole maps are too large for
the folder (18 MB at 224 x 224, 350 MB at 800 x 1216). golden/NN.safetensors has all channels of
each map at PLACES random positions. Another output of a network of the user is kept as the map
that has its last axis as channels.

    stage1           (places, C) float32
    stage1.places    (places, 2) int32: row and column in the map, from 0
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.artifact.manifest import Golden, Output
from slide_mobile.errors import ArtifactError, GateFailed
from slide_mobile.isolation import files
from slide_mobile.preprocess import Pixels
from slide_mobile.tasks import LOGITS, Outputs, Task, map_shape

PLACES = 64  # positions per map and image; the last map of a 224 x 224 image has 49, all recorded
MOST_HEADER_BYTES = 1 << 10  # of a PPM image that is not ours
MOST_MAPS_BYTES = 1 << 24  # 10 times those of the widest model
_PLACES_OF = ".places"
# What safetensors raises for a type of values that numpy has not, and for a negative size.
_UNKNOWN = (KeyError, TypeError, ValueError, AttributeError, OverflowError)

Places = NDArray[np.int32]


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """PyTorch's outputs for the golden images: logits (N, num_classes), or maps (N, places, C).

    `places` has the positions of each map, (N, places, 2) by name; it is empty for logits.
    """

    outputs: Outputs
    places: Mapping[str, Places]

    @property
    def kind(self) -> str:
        """The kind of the recorded outputs, for messages."""
        return f"maps at {PLACES} places" if self.places else "logits"

    def first(self, count: int) -> "Recorded":
        """Return the outputs of the first `count` images."""
        return Recorded(
            outputs={name: rows[:count] for name, rows in self.outputs.items()},
            places={name: rows[:count] for name, rows in self.places.items()},
        )

    def seen_in(self, found: Outputs) -> Outputs:
        """Reduce whole maps for the golden images to the recorded positions; keep logits."""
        return {
            name: _at(x, self.places[name]) if name in self.places else x
            for name, x in found.items()
        }


def write(
    folder: Path,
    number: int,
    image: Pixels,
    expected: Outputs,
    label: str | None,
    *,
    task: Task = "classify",
) -> Golden:
    """Write one golden image, (H, W, 3) bytes, and PyTorch's maps for it unless it is classified.

    `expected` has the outputs of all images. Returns the image's entry in the manifest.
    """
    stem = f"golden/{number:02d}"
    file, maps = f"{stem}.ppm", f"{stem}.safetensors"
    (folder / file).parent.mkdir(exist_ok=True)
    (folder / file).write_bytes(_header(image.shape[:2]) + image.tobytes())
    if task != "own" and LOGITS in expected:
        logits = tuple(float(x) for x in expected[LOGITS][number])
        return Golden(file=file, label=label, logits=logits, maps=None)
    tensors: dict[str, NDArray[Any]] = {}
    for seed, (name, rows) in enumerate(expected.items()):
        maps_of = _as_maps(rows[number][None])
        places = _drawn(maps_of.shape[1:3], seed=[number, seed])
        tensors[name + _PLACES_OF] = places
        tensors[name] = np.ascontiguousarray(_at(maps_of, places[None])[0])
    (folder / maps).write_bytes(save(tensors))
    return Golden(file=file, label=label, logits=None, maps=maps)


def image(art: ArtifactFolder, item: Golden) -> Pixels:
    """Read one golden image, (H, W, 3) bytes at input size; raises GateFailed."""
    path, (height, width) = art.root / item.file, art.input_size
    header = _header((height, width))
    try:
        data = files.read(path, most=height * width * 3 + MOST_HEADER_BYTES)
    except OSError as error:
        raise GateFailed(
            f"cannot read {path} ({error.strerror}); convert the model again"
        ) from error
    if not data.startswith(header) or len(data) != len(header) + height * width * 3:
        raise GateFailed(f"{path} is not a {width} x {height} PPM image; convert the model again")
    return np.frombuffer(data, np.uint8, offset=len(header)).reshape(height, width, 3)


def images(art: ArtifactFolder) -> NDArray[np.uint8]:
    """Read all golden images, (N, H, W, 3) bytes; raises GateFailed."""
    return np.stack([image(art, item) for item in art.manifest.golden])


def read(art: ArtifactFolder) -> Recorded:
    """Read the recorded outputs of all golden images; raises GateFailed for a damaged file."""
    golden = art.manifest.golden
    if art.manifest.is_classifier:
        return Recorded(
            outputs={LOGITS: np.array([item.logits for item in golden], np.float32)}, places={}
        )
    found = [_tensors(art, item) for item in golden]
    names = [output.name for output in art.manifest.outputs]
    return Recorded(
        outputs={name: np.stack([file[name] for file in found]) for name in names},
        places={name: np.stack([file[name + _PLACES_OF] for file in found]) for name in names},
    )


def _header(size: tuple[int, ...]) -> bytes:
    """Return the PPM header for a size (height, width)."""
    height, width = size
    return f"P6\n{width} {height}\n255\n".encode()


def _drawn(size: tuple[int, ...], *, seed: list[int]) -> Places:
    """Draw PLACES random positions of a map, row by row; all positions if it has no more."""
    height, width = size
    count = height * width
    drawn = np.random.default_rng(seed).choice(count, min(PLACES, count), replace=False)
    return np.stack(np.divmod(np.sort(drawn), width), 1).astype(np.int32)


def _at(maps: NDArray[np.float32], places: Places) -> NDArray[np.float32]:
    """Take the values at these positions: (N, H, W, C), (N, places, 2) -> (N, places, C).

    Raises ArtifactError for maps that do not have them.
    """
    maps = _as_maps(maps)
    if maps.ndim != 4 or not (places < maps.shape[1:3]).all():
        raise ArtifactError(f"the model file has maps of the shape {maps.shape}, too small")
    return maps[np.arange(len(maps))[:, None], places[..., 0], places[..., 1]]


def _as_maps(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Maps as they are; (N, ..., C) -> (N, positions, 1, C), (N,) -> (N, 1, 1, 1)."""
    return x if x.ndim == 4 else x.reshape(len(x), -1, 1, x.shape[-1] if x.ndim > 1 else 1)


def _size(output: Output) -> tuple[int, int, int]:
    """Height, width and channels of an output as `_as_maps` has it."""
    if output.layout is not None:
        _, *size = map_shape(output.layout, output.shape)
        return size[0], size[1], size[2]
    _, *inner = output.shape
    channels = inner[-1] if inner else 1
    return prod(inner[:-1]), 1, channels


def _tensors(art: ArtifactFolder, item: Golden) -> Mapping[str, NDArray[Any]]:
    """Read the recorded maps of one image; raises GateFailed if they do not fit the manifest."""
    assert item.maps is not None, "a manifest is consistent"
    path = art.root / item.maps
    try:
        found: Mapping[str, NDArray[Any]] = load(files.read(path, most=MOST_MAPS_BYTES))
    except (OSError, SafetensorError, *_UNKNOWN) as error:
        raise GateFailed(f"cannot read {path} ({error}); convert the model again") from error
    for output in art.manifest.outputs:
        height, width, channels = _size(output)
        rows, places = found.get(output.name), found.get(output.name + _PLACES_OF)
        count = min(PLACES, height * width)
        fits = (
            rows is not None
            and places is not None
            and rows.shape == (count, channels)
            and rows.dtype == np.float32
            and places.shape == (count, 2)
            and places.dtype == np.int32
            and bool(((places >= 0) & (places < (height, width))).all())
        )
        if not fits:
            raise GateFailed(f"{path} does not hold {output.name}; convert the model again")
    return found

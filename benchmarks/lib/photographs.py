"""Real photographs, from Debian's gcompris-qt-data: 44 MB, unpacked into the cache, not installed.

Mostly CC-BY(-SA) or in the public domain, as the package's copyright file says for each. They are
in Qt resource files (Qt's tools/rcc/rcc.cpp): a tree of entries of 14 or, from version 2 on, 22
bytes, their names in UTF-16, and their bytes after a length.
"""

import io
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from slide_mobile.lab import debian
from slide_mobile.targets import cached_folders

PACKAGES = debian.Packages(
    suite="bookworm",
    architecture="all",
    names=("gcompris-qt-data",),
    keep=("usr/share/gcompris-qt/rcc/*.rcc", "usr/share/doc/gcompris-qt-data/copyright"),
)
# Places with photographs only; the two sets share none.
TO_CALIBRATE = ("explore_monuments", "explore_farm_animals", "explore_world_animals")
TO_COMPARE = ("erase",)
SMALLEST_SIDE = 512  # of a photograph, in pixels

_FOLDER, _COMPRESSED = 2, 1


def unpacked() -> Path:
    """The folder with the package, unpacked at the first call; raises EnvironmentMissing."""
    root = cached_folders.place("photographs", PACKAGES.pins)
    cached_folders.build(root, lambda partial: debian.unpack(partial, PACKAGES))
    return root


def crops(names: Sequence[str], side: int, most: int) -> list[NDArray[np.uint8]]:
    """One square from the middle of each photograph, (side, side, 3), of at most so many.

    A photograph is halved first, so that little of its own compression is left.
    """
    found = []
    for name in names:
        for image in _photographs(unpacked() / f"usr/share/gcompris-qt/rcc/{name}.rcc"):
            half = image.resize((image.width // 2, image.height // 2), Image.Resampling.BOX)
            left, top = (half.width - side) // 2, (half.height - side) // 2
            found.append(np.asarray(half.crop((left, top, left + side, top + side))))
    count = min(most, len(found))
    return [found[i * len(found) // count] for i in range(count)]


def _photographs(path: Path) -> Iterator[Image.Image]:
    """The photographs in a resource file, by name."""
    for _, content in sorted(_entries(path.read_bytes())):
        if content[8:12] == b"WEBP":
            image = Image.open(io.BytesIO(content))
            if min(image.size) >= SMALLEST_SIDE and image.mode == "RGB":
                yield image


def _entries(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Path and bytes of every file in a Qt resource file."""
    _, version, tree, data, names = struct.unpack_from(">4sIIII", content)
    step = 14 if version == 1 else 22
    waiting = [(0, "")]
    while waiting:
        number, path = waiting.pop()
        at, flags = struct.unpack_from(">IH", content, tree + number * step)
        if number:
            (length,) = struct.unpack_from(">H", content, names + at)
            start = names + at + 6  # the length, and a hash
            path = f"{path}/{content[start : start + 2 * length].decode('utf-16-be')}"
        if flags & _FOLDER:
            count, first = struct.unpack_from(">II", content, tree + number * step + 6)
            waiting += [(first + i, path) for i in range(count)]
            continue
        (offset,) = struct.unpack_from(">I", content, tree + number * step + 10)
        (size,) = struct.unpack_from(">I", content, data + offset)
        found = content[data + offset + 4 : data + offset + 4 + size]
        yield path, zlib.decompress(found[4:]) if flags & _COMPRESSED else found

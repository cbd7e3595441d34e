"""Pictures, and the bytes that a model gets of them: Pillow's, as slide_mobile loads them."""

import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from slide_mobile import preprocess

Json = dict[str, Any]
Pixels = NDArray[np.uint8]  # (H, W, 3)
ORIENTATION = 0x0112  # EXIF


def cases(folder: Path) -> Json:
    """Give `cases`; their pixels are written into the folder, or drawn by `lcg`."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for name, pixels, orientation, size in _pictures():
        found.append(_resize_case(folder, name, pixels, orientation, size))
    for height, width, target in ((601, 803, (224, 224)), (480, 640, (96, 160))):
        case = _resize_case(None, f"lcg-{width}x{height}", lcg(height, width, 1), 6, target)
        found.append(case | {"lcg_seed": 1})
    return {"cases": found}


def lcg(height: int, width: int, seed: int) -> Pixels:
    """Draw pixels that need no file: the top byte of state * 1664525 + 1013904223 mod 2^32."""
    state, drawn = seed, bytearray()
    for _ in range(height * width * 3):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        drawn.append(state >> 24)
    return np.frombuffer(bytes(drawn), np.uint8).reshape(height, width, 3)


def _pictures() -> Iterator[tuple[str, Pixels, int, tuple[int, int]]]:
    """Name, pixels as stored, EXIF orientation, (height, width) wanted."""
    for orientation in range(1, 9):
        yield f"orientation-{orientation}", _noise(23, 37), orientation, (16, 24)
    yield "down", _noise(61, 97), 1, (32, 32)
    yield "up", _noise(5, 7), 1, (32, 32)
    yield "one-pixel", _noise(1, 1), 1, (16, 16)
    yield "one-row", _noise(1, 50), 1, (16, 16)
    yield "one-column", _noise(50, 1), 1, (16, 24)
    yield "wide", _noise(20, 150), 1, (32, 48)
    yield "tall-turned", _noise(20, 111), 5, (48, 32)
    yield "exact", _noise(16, 24), 1, (16, 24)
    yield "exact-once-upright", _noise(24, 16), 8, (16, 24)
    yield "exact-only-as-stored", _noise(16, 24), 6, (16, 24)
    yield "nearly-exact", _noise(33, 32), 1, (32, 32)
    rows, columns = np.indices((47, 64))
    edges = np.where((rows // 5 + columns // 7) % 2, 255, 0).astype(np.uint8)
    yield "edges-that-overshoot", np.stack([edges, 255 - edges, edges // 2], -1), 1, (40, 40)
    ramp = np.stack([4 * columns, 5 * rows, 255 - 4 * columns], -1).clip(0, 255).astype(np.uint8)
    yield "ramp", ramp, 1, (20, 20)


def _noise(height: int, width: int) -> Pixels:
    draw = np.random.default_rng(height * 1000 + width)
    return draw.integers(0, 256, (height, width, 3), dtype=np.uint8)


def _resize_case(
    folder: Path | None, name: str, pixels: Pixels, orientation: int, size: tuple[int, int]
) -> Json:
    expected = _loaded(pixels, orientation, size)
    if folder is not None:
        (folder / f"{name}.rgb").write_bytes(pixels.tobytes())
        (folder / f"{name}.expected.rgb").write_bytes(expected.tobytes())
    return {
        "name": name,
        "height": pixels.shape[0],
        "width": pixels.shape[1],
        "orientation": orientation,
        "target_height": size[0],
        "target_width": size[1],
        "pixels": None if folder is None else f"{name}.rgb",
        "sha256": hashlib.sha256(pixels.tobytes()).hexdigest(),
        "expected": None if folder is None else f"{name}.expected.rgb",
        "expected_sha256": hashlib.sha256(expected.tobytes()).hexdigest(),
    }


def _loaded(pixels: Pixels, orientation: int, size: tuple[int, int]) -> Pixels:
    """As slide_mobile loads it from a file."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "image.png"
        Image.fromarray(pixels).save(path, exif=exif)
        return preprocess.load(path, size)

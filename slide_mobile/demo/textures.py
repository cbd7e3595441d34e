"""Grounds to draw on: maps in 0..1 that mix two colours."""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

Map = NDArray[np.float32]  # (H, W)


# Specks of paper along the side, at any size: if a small image used fewer random numbers, all that
# is drawn later would change.
GRAIN = 128


def texture(rng: Generator, u: Map, v: Map) -> Map:
    """A random ground at plane coordinates `u`, `v` (about -1..1 over the image)."""
    turn = rng.uniform(0, 2 * np.pi)
    c, s = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    pattern = _PATTERNS[rng.choice(len(_PATTERNS), p=_SHARES)]
    return pattern(rng, c * u + s * v, c * v - s * u)


def smooth_noise(rng: Generator, shape: tuple[int, int], cells: int) -> Map:
    """Noise in 0..1 for an image of `shape` (height, width); `cells` is how fine it is."""
    coarse = Image.fromarray(rng.random((cells + 1, cells + 1), dtype=np.float32))
    height, width = shape
    fine = coarse.resize((width, height), Image.Resampling.BICUBIC)
    return _unit(np.asarray(fine))


def _unit(x: Map) -> Map:
    """The map, clipped to 0..1."""
    clipped: Map = np.clip(x, 0, 1)
    return clipped


def _plain(rng: Generator, u: Map, v: Map) -> Map:
    """One colour."""
    return np.zeros_like(u)


def _gradient(rng: Generator, u: Map, v: Map) -> Map:
    """From one colour to the other."""
    return _unit(0.5 + np.float32(0.5) * u)


def _paper(rng: Generator, u: Map, v: Map) -> Map:
    """Grain and faint clouds."""
    grain = smooth_noise(rng, u.shape, GRAIN - 1)
    return _unit(np.float32(0.25) * grain + np.float32(0.25) * smooth_noise(rng, u.shape, 9))


def _stripes(rng: Generator, u: Map, v: Map) -> Map:
    """Soft or sharp stripes."""
    sharpness = np.float32(rng.choice([0.5, 3.0]))
    waves = np.sin(np.float32(rng.uniform(6, 28)) * u)
    return _unit(0.5 + sharpness * waves)


def _checker(rng: Generator, u: Map, v: Map) -> Map:
    """A checkerboard."""
    f = np.float32(rng.uniform(5, 16))
    return _unit(0.5 + 6 * np.sin(f * u) * np.sin(f * v))


def _ruled(rng: Generator, u: Map, v: Map) -> Map:
    """Ruled or squared paper."""
    f, width = np.float32(rng.uniform(9, 26)), np.float32(rng.uniform(0.9, 0.97))
    lines = np.abs(np.sin(f * v))
    if rng.random() < 0.5:
        lines = np.maximum(lines, np.abs(np.sin(f * u)))
    return _unit((lines - width) / (np.float32(1) - width))


def _wood(rng: Generator, u: Map, v: Map) -> Map:
    """Rings and fibres of wood."""
    bend = smooth_noise(rng, u.shape, 3) * np.float32(rng.uniform(2, 6))
    rings = np.sin(
        np.float32(rng.uniform(8, 22)) * u + bend + np.float32(0.4) * np.sin(np.float32(2) * v)
    )
    fibres = np.sin(np.float32(rng.uniform(60, 110)) * u + np.float32(3) * bend)
    return _unit(np.float32(0.5) + np.float32(0.32) * rings + np.float32(0.15) * fibres)


def _blotches(rng: Generator, u: Map, v: Map) -> Map:
    """Clouds of the second colour."""
    clouds = smooth_noise(rng, u.shape, int(rng.integers(3, 14)))
    return _unit(0.5 + np.float32(rng.uniform(1, 4)) * (clouds - np.float32(0.5)))


_PATTERNS: tuple[Callable[[Generator, Map, Map], Map], ...] = (
    _plain, _gradient, _paper, _stripes, _checker, _ruled, _wood, _blotches,
)  # fmt: skip
_SHARES = (0.1, 0.1, 0.2, 0.1, 0.08, 0.16, 0.12, 0.14)

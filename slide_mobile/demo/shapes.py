"""Outlines of the drawn shapes: pen paths in a plane, about one unit in radius.

Every shape keeps its label when it is rotated or mirrored, so the renderer and training may do
both. A path is an (n, 2) array of points; `closed` paths can be filled.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Points = NDArray[np.float64]  # (n, 2), x and y


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """The pen paths of one shape; if `closed`, each encloses an area that may be filled."""

    paths: tuple[Points, ...]
    closed: bool = True


def draw(label: str, rng: Generator, *, by_pen: bool) -> Drawing:
    """One drawing of a shape; `by_pen` allows the forms that people draw in one line."""
    return _SHAPES[label](rng, by_pen)


def _polar(angles: NDArray[np.float64], radii: NDArray[np.float64] | float) -> Points:
    """Points at these angles and distances from the centre."""
    points: Points = np.stack([radii * np.cos(angles), radii * np.sin(angles)], -1)
    return points


def _turn(count: int) -> NDArray[np.float64]:
    """Evenly spaced angles of a full turn."""
    return np.arange(count, dtype=np.float64) * (2 * np.pi / count)


def _polygon(rng: Generator, corners: int, wobble: float) -> Drawing:
    """A regular polygon whose corners are a little off."""
    angles = _turn(corners) + rng.uniform(-wobble, wobble, corners)
    return Drawing(paths=(_polar(angles, 1 - rng.uniform(0, 1.5 * wobble, corners)),))


def _circle(rng: Generator, by_pen: bool) -> Drawing:
    """A circle, or an ellipse that is nearly one."""
    return Drawing(paths=(_polar(_turn(40), 1.0) * (1, rng.uniform(0.88, 1)),))


def _triangle(rng: Generator, by_pen: bool) -> Drawing:
    """A triangle with uneven sides."""
    return _polygon(rng, 3, 0.14)


def _square(rng: Generator, by_pen: bool) -> Drawing:
    """A square, or a rectangle that is nearly one."""
    return Drawing(paths=(_polygon(rng, 4, 0.04).paths[0] @ _stretch(rng, 0.82),))


def _pentagon(rng: Generator, by_pen: bool) -> Drawing:
    """A regular pentagon."""
    return _polygon(rng, 5, 0.05)


def _stretch(rng: Generator, least: float) -> Points:
    """A stretch along the diagonals of a polygon's corners, which are a square's sides."""
    c = np.sqrt(0.5)
    turn = np.array([[c, c], [-c, c]])
    stretch: Points = turn @ np.diag([1, rng.uniform(least, 1)]) @ turn.T
    return stretch


def _star(rng: Generator, by_pen: bool) -> Drawing:
    """A five-pointed star, as an outline or drawn in one line."""
    tips = _turn(5) + rng.uniform(-0.06, 0.06, 5)
    if by_pen and rng.random() < 0.4:
        return Drawing(paths=(_polar(tips[[0, 2, 4, 1, 3]], 1.0),))
    radii = np.stack([np.ones(5), np.full(5, rng.uniform(0.36, 0.5))], -1).ravel()
    return Drawing(paths=(_polar(np.stack([tips, tips + np.pi / 5], -1).ravel(), radii),))


def _heart(rng: Generator, by_pen: bool) -> Drawing:
    """A heart."""
    # https://mathworld.wolfram.com/HeartCurve.html, the one of 16 sin^3 t.
    t = _turn(44)
    x = 16 * np.sin(t) ** 3
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return Drawing(paths=(np.stack([x * rng.uniform(0.85, 1.1), -y], -1) / 16,))


def _crescent(rng: Generator, by_pen: bool) -> Drawing:
    """A crescent moon."""
    # Two arcs between the same horns; `bulge` is the height of the inner one.
    horn, bulge = rng.uniform(0.85, 1.25), rng.uniform(0.25, 0.55)
    outer = _polar(np.linspace(-np.pi / 2 - horn / 2, np.pi / 2 + horn / 2, 28), 1.0)
    tip_x, tip_y = outer[-1]
    t = np.linspace(1, -1, 20)[1:-1]
    inner = np.stack([tip_x + (bulge - tip_x) * (1 - t**2), tip_y * t], -1)
    return Drawing(paths=(np.concatenate([outer, inner]),))


def _cross(rng: Generator, by_pen: bool) -> Drawing:
    """A cross, as an outline or as two bars."""
    if by_pen and rng.random() < 0.5:
        bars = _polar(_turn(4) + rng.uniform(-0.08, 0.08, 4), 1.0)
        return Drawing(paths=(bars[[0, 2]], bars[[1, 3]]), closed=False)
    a = rng.uniform(0.2, 0.38)
    arm = np.array([[a, -a], [1, -a], [1, a]])
    quarter = np.array([[0, 1], [-1, 0]])
    turns = [arm, arm @ quarter, arm @ quarter @ quarter, arm @ quarter @ quarter @ quarter]
    return Drawing(paths=(np.concatenate(turns),))


def _arrow(rng: Generator, by_pen: bool) -> Drawing:
    """An arrow, as an outline or as two lines."""
    neck, wing = rng.uniform(0, 0.4), rng.uniform(0.5, 0.75)
    if by_pen and rng.random() < 0.5:
        head = np.array([[neck - 0.1, -wing], [1, 0], [neck - 0.1, wing]])
        return Drawing(paths=(np.array([[-1.0, 0], [1, 0]]), head), closed=False)
    a = rng.uniform(0.14, 0.28)
    upper = np.array([[-1, -a], [neck, -a], [neck, -wing], [1, 0]])
    return Drawing(paths=(np.concatenate([upper, upper[-2::-1] * (1, -1)]),))


def _drop(rng: Generator, by_pen: bool) -> Drawing:
    """A drop."""
    # https://mathworld.wolfram.com/TeardropCurve.html
    t = _turn(40)
    x = rng.uniform(0.7, 0.85) * np.sin(t) * np.sin(t / 2) ** rng.uniform(1.3, 2.2)
    return Drawing(paths=(np.stack([x, -np.cos(t)], -1),))


def _spiral(rng: Generator, by_pen: bool) -> Drawing:
    """A spiral of two to three turns."""
    turns = rng.uniform(2.1, 3.1)
    t = np.sqrt(np.linspace(0.01, 1, 80))
    return Drawing(paths=(_polar(2 * np.pi * turns * t, t),), closed=False)


def _lightning(rng: Generator, by_pen: bool) -> Drawing:
    """A lightning bolt, as an outline or as one line."""
    if by_pen and rng.random() < 0.35:
        bolt = np.array([[0.3, -1], [-0.35, 0.15], [0.35, -0.1], [-0.3, 1]])
        return Drawing(paths=(bolt + rng.uniform(-0.07, 0.07, bolt.shape),), closed=False)
    bolt = np.array(
        [[0.4, -1], [-0.5, 0.15], [-0.02, 0.15], [-0.35, 1], [0.55, -0.25], [0.08, -0.25]]
    )
    return Drawing(paths=(bolt + rng.uniform(-0.05, 0.05, bolt.shape),))


_SHAPES: dict[str, Callable[[Generator, bool], Drawing]] = {
    "arrow": _arrow,
    "circle": _circle,
    "crescent": _crescent,
    "cross": _cross,
    "drop": _drop,
    "heart": _heart,
    "lightning": _lightning,
    "pentagon": _pentagon,
    "spiral": _spiral,
    "square": _square,
    "star": _star,
    "triangle": _triangle,
}
LABELS: tuple[str, ...] = tuple(_SHAPES)

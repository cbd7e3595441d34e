"""Drawings as values: lines, boxes, dots and texts, which the templates write as SVG.

Coordinates are pixels of the drawing's own box, y downwards. Colours are names of roles: the page's
style gives each role its colour in light mode, in dark mode and on paper.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Anchor = Literal["start", "middle", "end"]
Point = tuple[float, float]

CHARACTER = 6.4  # mean width of a character in pixels, in the page's 12 px sans-serif


@dataclass(frozen=True, kw_only=True)
class Line:
    """A polyline; `style` is its CSS class, `dash` its stroke pattern."""

    points: tuple[Point, ...]
    style: str
    dash: str = ""
    title: str = ""

    @property
    def path(self) -> str:
        """The points as SVG writes them."""
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in self.points)


@dataclass(frozen=True, kw_only=True)
class Box:
    """A rectangle; the browser shows `title` when the pointer rests on it."""

    x: float
    y: float
    width: float
    height: float
    style: str
    title: str = ""


@dataclass(frozen=True, kw_only=True)
class Dot:
    """A circle."""

    x: float
    y: float
    radius: float
    style: str
    title: str = ""


@dataclass(frozen=True, kw_only=True)
class Text:
    """A line of text on the base line y; `anchor` says which part of it is at x."""

    x: float
    y: float
    text: str
    anchor: Anchor = "start"
    style: str = ""


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """Marks in a box; later ones cover earlier ones."""

    width: float
    height: float
    lines: Sequence[Line] = ()
    boxes: Sequence[Box] = ()
    dots: Sequence[Dot] = ()
    texts: Sequence[Text] = ()

"""What happens to a drawing on its way to the sensor: viewpoint, pen, surroundings, light, camera.

Lengths are fractions of the image's side, so that every size shows the same picture. A scene is
kept as planes until the camera turns it into pixels: numpy multiplies (3, H, W) by a map several
times as fast as (H, W, 3).
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from slide_mobile.demo.shapes import Drawing, Points
from slide_mobile.demo.textures import Map
from slide_mobile.preprocess import Pixels

Scene = NDArray[np.float32]  # (3, H, W), light in 0..1
Colour = NDArray[np.float32]  # (3, 1, 1)

# Masks are drawn this many times larger and then averaged: Pillow's pen has hard edges.
OVERSAMPLING = 2
# Sizes in pixels (of the blur) are for images of this side, and scale with the image.
NOMINAL_PX = 128
LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)  # of RGB, ITU-R BT.601


@dataclass(frozen=True, kw_only=True)
class View:
    """Where the plane of the drawing lies: `matrix` maps (x, y, 1) to image coordinates, 0..1."""

    matrix: Points

    def project(self, points: Points) -> Points:
        """(n, 2) in the plane -> (n, 2) in the image."""
        p = np.concatenate([points, np.ones((len(points), 1))], 1) @ self.matrix.T
        flat: Points = p[:, :2] / p[:, 2:]
        return flat

    def plane(self, size_px: int) -> tuple[Map, Map]:
        """The plane coordinates (u, v) of every pixel."""
        m = np.linalg.inv(self.matrix).astype(np.float32)
        axis = (np.arange(size_px, dtype=np.float32) + np.float32(0.5)) / np.float32(size_px)
        x, y = axis[None, :], axis[:, None]
        depth = m[2, 0] * x + m[2, 1] * y + m[2, 2]
        u, v = m[0, 0] * x + m[0, 1] * y + m[0, 2], m[1, 0] * x + m[1, 1] * y + m[1, 2]
        return u / depth, v / depth


def look_at(rng: Generator, drawing: Drawing, extent: tuple[float, float]) -> View:
    """A tilted, turned view; the drawing fills a fraction of the image's side from `extent`."""
    tilt, towards, turn = rng.uniform(0, 0.7), rng.uniform(0, 2 * np.pi), rng.uniform(0, 2 * np.pi)
    mirror = np.diag([rng.choice([-1.0, 1.0]), 1, 1])
    distance = rng.uniform(2.5, 6)
    lens = np.array([[distance, 0, 0], [0, distance, 0], [0, 0, 1]])
    # z is the distance from the camera, which the tilt about the x axis changes with y.
    tilted = np.array([[1, 0, 0], [0, np.cos(tilt), 0], [0, np.sin(tilt), distance]])
    matrix = lens @ _rotation(towards) @ tilted @ _rotation(turn) @ mirror
    matrix /= matrix[2, 2]

    points = View(matrix=matrix).project(np.concatenate(drawing.paths))
    low, high = points.min(0), points.max(0)
    scale = rng.uniform(*extent) / (high - low).max()
    room = 1 - scale * (high - low)
    # Mostly near the middle, where a phone is pointed.
    corner = room * np.clip(rng.normal(0.5, 0.22, 2), -0.02, 1.02)
    fit = np.array([[scale, 0, 0], [0, scale, 0], [0, 0, 1]])
    fit[:2, 2] = corner - scale * low
    return View(matrix=fit @ matrix)


def _rotation(angle: float) -> Points:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def waver(rng: Generator, path: Points, amount: float, *, closed: bool) -> Points:
    """A path as an unsteady hand draws it: more points, each a little off, and ends that miss."""
    if closed:
        path = np.concatenate([path, path[:1]])
    steps = np.hypot(*np.diff(path, axis=0).T)
    along = np.concatenate([[0], np.cumsum(steps)])
    # A closed line may stop short of its start, or run over it.
    end = along[-1] * rng.uniform(0.97, 1.02) if closed else along[-1]
    t = np.union1d(np.linspace(0, end, 48), along[along < end])
    drawn = np.stack([np.interp(t % along[-1] if closed else t, along, c) for c in path.T], -1)
    phase = t[:, None] / along[-1] * 2 * np.pi
    waves = np.array([1.0, 2, 4, 7])
    for axis in range(2):
        heights = rng.normal(0, amount, 4) / np.sqrt(waves)
        drawn[:, axis] += (heights * np.sin(waves * phase + rng.uniform(0, 6.28, 4))).sum(1)
    return drawn


def ink(
    rng: Generator, paths: Sequence[Points], size_px: int, *, filled: bool, width: float
) -> Map:
    """The ink of paths (in image coordinates) on each pixel, 0..1."""
    side = size_px * OVERSAMPLING
    mask = Image.new("L", (side, side))
    pen = ImageDraw.Draw(mask)
    for path in paths:
        dots = path * side
        if filled:
            pen.polygon(dots.ravel().tolist(), fill=255)
        _stroke(pen, dots, max(width * side, 1.0))
    if filled and rng.random() < 0.2:
        mask = _hatch(rng, mask, paths, width)
    return np.asarray(mask.reduce(OVERSAMPLING), np.float32) / np.float32(255)


def _stroke(pen: ImageDraw.ImageDraw, dots: Points, width: float) -> None:
    """Draw a line with round joints."""
    pen.line(dots.ravel().tolist(), fill=255, width=max(round(width), 1))
    # Round joints: the line alone leaves a notch at every corner.
    r = width / 2
    if r > 1:
        for x, y in dots.tolist():
            pen.ellipse((x - r, y - r, x + r, y + r), fill=255)


def _hatch(rng: Generator, mask: Image.Image, paths: Sequence[Points], width: float) -> Image.Image:
    """The mask with parallel strokes for its filling; the outline stays."""
    side = mask.width
    lines = Image.new("L", mask.size)
    pen = ImageDraw.Draw(lines)
    turn, pitch = rng.uniform(0, np.pi), rng.uniform(0.028, 0.05)
    c, s = np.cos(turn), np.sin(turn)
    thickness = max(round(min(width, 0.4 * pitch) * side), 1)
    for offset in np.arange(-0.75, 0.75, pitch):
        x, y = 0.5 - s * offset, 0.5 + c * offset
        ends = np.array([[x - c, y - s], [x + c, y + s]]) * side
        pen.line(ends.ravel().tolist(), fill=255, width=thickness)
    hatched = ImageChops.multiply(mask, lines)
    outline = ImageDraw.Draw(hatched)
    for path in paths:
        _stroke(outline, path * side, max(width * side, 1.0))
    return hatched


def colours(rng: Generator, least: float) -> tuple[Colour, Colour, Colour]:
    """Two colours of the ground and one of the pen, at least `least` in luminance from both."""
    first = _colour(rng)
    second = first + (_colour(rng) - first) * np.float32(rng.uniform(0.1, 0.6))
    for _ in range(50):
        pen = _colour(rng)
        gaps = [_brightness(pen) - _brightness(ground) for ground in (first, second)]
        if min(gaps) > least or max(gaps) < -least:
            return first, second, pen
    # A ground from black to white leaves no colour for the pen: give up its second colour.
    shade = 0.95 if _brightness(first) < 0.5 else 0.05
    return first, first, np.full((3, 1, 1), shade, np.float32)


def _brightness(colour: Colour) -> float:
    """Luminance, 0..1."""
    return float(LUMINANCE @ colour.ravel())


def _colour(rng: Generator) -> Colour:
    """A random colour: paper, pencil or board, or any."""
    kind = rng.random()
    if kind < 0.3:  # paper
        return np.float32(rng.uniform(0.72, 1)) * rng.uniform(0.9, 1, (3, 1, 1)).astype(np.float32)
    if kind < 0.5:  # pencil, board
        return np.float32(rng.uniform(0.03, 0.35)) * rng.uniform(0.8, 1.2, (3, 1, 1)).astype(
            np.float32
        )
    return rng.uniform(0.04, 0.96, (3, 1, 1)).astype(np.float32)


def clutter(rng: Generator, scene: Scene) -> Scene:
    """The scene with, by chance, the edge of the paper and a few stray marks."""
    size_px = scene.shape[-1]
    side = size_px * OVERSAMPLING
    if rng.random() < 0.25:
        mask = Image.new("L", (side, side))
        turn, offset = rng.uniform(0, 2 * np.pi), rng.uniform(0.36, 0.6)
        normal, edge = (
            np.array([np.cos(turn), np.sin(turn)]),
            np.array([-np.sin(turn), np.cos(turn)]),
        )
        near, far = 0.5 + normal * offset, 0.5 + normal * 3
        quad = np.array([near - 3 * edge, near + 3 * edge, far + 3 * edge, far - 3 * edge]) * side
        ImageDraw.Draw(mask).polygon(quad.ravel().tolist(), fill=255)
        scene = _paint(scene, mask, _colour(rng))
    for _ in range(rng.choice([0, 0, 1, 2, 4])):
        mask = Image.new("L", (side, side))
        pen = ImageDraw.Draw(mask)
        start = rng.uniform(0, 1, 2)
        walk = start + np.cumsum(rng.normal(0, 0.025, (int(rng.integers(1, 6)), 2)), 0)
        _stroke(pen, np.concatenate([[start], walk]) * side, rng.uniform(0.006, 0.03) * side)
        scene = _paint(scene, mask, _colour(rng))
    return scene


def _paint(scene: Scene, mask: Image.Image, colour: Colour) -> Scene:
    """The scene with a colour where the mask is."""
    cover = np.asarray(mask.reduce(OVERSAMPLING), np.float32) / np.float32(255)
    return scene + (colour - scene) * cover


def drop_shadow(rng: Generator, scene: Scene, cover: Map) -> Scene:
    """The scene with a soft shadow of what lies on it."""
    size_px = scene.shape[-1]
    mask = Image.fromarray((cover * 255).astype(np.uint8))
    mask = mask.filter(ImageFilter.BoxBlur(rng.uniform(0.005, 0.03) * size_px))
    dx, dy = np.round(rng.uniform(-0.035, 0.035, 2) * size_px).astype(int).tolist()
    shadow = np.asarray(ImageChops.offset(mask, dx, dy), np.float32) / np.float32(255)
    return scene * (1 - np.float32(rng.uniform(0.2, 0.5)) * shadow)


def occlude(rng: Generator, scene: Scene, paths: Sequence[Points]) -> Scene:
    """The scene with a finger, or a pencil, over the rim of the drawing."""
    side = scene.shape[-1] * OVERSAMPLING
    points = np.concatenate(paths)
    centre = (points.min(0) + points.max(0)) / 2
    radius = float((points.max(0) - points.min(0)).max()) / 2
    turn = rng.uniform(0, 2 * np.pi)
    towards = np.array([np.cos(turn), np.sin(turn)])
    bar = np.stack([centre + towards * radius * rng.uniform(0.6, 0.8), centre + towards * 2])
    mask = Image.new("L", (side, side))
    _stroke(ImageDraw.Draw(mask), bar * side, radius * rng.uniform(0.25, 0.5) * side)
    return _paint(scene, mask, _colour(rng))


def light(rng: Generator, size_px: int) -> Scene:
    """Factors of brightness: a gradient, a vignette, and at times the edge of a shadow."""
    axis = (np.arange(size_px, dtype=np.float32) / np.float32(size_px)) - np.float32(0.5)
    x, y = axis[None, :], axis[:, None]
    turn, slope = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.7)
    lit = 1 + np.float32(slope * np.cos(turn)) * x + np.float32(slope * np.sin(turn)) * y
    lit *= 1 - np.float32(rng.uniform(0, 0.6)) * (x * x + y * y)
    if rng.random() < 0.25:
        turn, offset = rng.uniform(0, 2 * np.pi), rng.uniform(-0.3, 0.3)
        across = np.float32(np.cos(turn)) * x + np.float32(np.sin(turn)) * y - np.float32(offset)
        edge = np.clip(across / np.float32(rng.uniform(0.02, 0.2)), 0, 1)
        lit *= 1 - np.float32(rng.uniform(0.2, 0.5)) * edge
    cast = rng.uniform(0.88, 1.1, (3, 1, 1)) * rng.uniform(0.6, 1.12)
    factors: Scene = lit * cast.astype(np.float32)
    return factors


def photograph(rng: Generator, scene: Scene, blur_px: tuple[float, float]) -> Pixels:
    """A camera's picture of a scene, (H, W, 3): with blur, noise, rounding, and often JPEG.

    `blur_px` is the range of the blur's radius in an image of 128 pixels a side.
    """
    sharp = (np.clip(scene, 0, 1) * 255).astype(np.uint8)
    image = Image.fromarray(np.ascontiguousarray(sharp.transpose(1, 2, 0)))
    # Each axis has its own radius: a shaken phone blurs more along one.
    radii = rng.uniform(*blur_px, 2) * (scene.shape[-1] / NOMINAL_PX)
    image = image.filter(ImageFilter.BoxBlur((float(radii[0]), float(radii[1]))))
    # The difference of two uniform bytes: bell-shaped enough, and ten times as fast as Gaussian.
    coin = rng.integers(0, 256, (2, *image.size, 3), np.uint8)
    noise = (coin[0].astype(np.float32) - coin[1]) * np.float32(rng.uniform(0.005, 0.09))
    noisy = np.clip(np.asarray(image, np.float32) + noise, 0, 255)
    pixels: Pixels = noisy.astype(np.uint8)
    if rng.random() < 0.5:
        with io.BytesIO() as file:
            Image.fromarray(pixels).save(file, "JPEG", quality=int(rng.integers(35, 92)))
            pixels = np.asarray(Image.open(file))
    return pixels

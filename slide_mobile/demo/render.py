"""The demo's data set: photographs, as a phone might take them, of hand-drawn shapes.

An image depends on (seed, index) alone: its bytes are the same on one machine, whichever process
renders it. The numpy of another machine may round a sine differently, so images whose bytes must
not change (golden images) are stored and not rendered again.
"""

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
from numpy.typing import NDArray

from slide_mobile.demo import scene as scenes
from slide_mobile.demo.shapes import LABELS as LABELS
from slide_mobile.demo.shapes import draw
from slide_mobile.demo.textures import smooth_noise, texture
from slide_mobile.errors import UsageError
from slide_mobile.preprocess import Pixels

# Each split has a seed of its own, so no two splits share an image.
TRAIN_SEED, CALIBRATION_SEED, HELD_OUT_SEED, GOLDEN_SEED = 101, 202, 303, 404
CALIBRATION_COUNT, HELD_OUT_COUNT, GOLDEN_COUNT = 240, 2400, 12

INPUT_PX = 128
# This share of the images is faint, blurred, small or partly covered.
HARD_SHARE = 0.06
# How many images a process renders before it reports; enough to make the transfer cheap.
CHUNK = 60


def render(seed: int, index: int, size_px: int = INPUT_PX) -> tuple[Pixels, int]:
    """Image `index` of a split, (size_px, size_px, 3), and the number of its label in LABELS."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(index,)))
    label = index % len(LABELS)
    hard = rng.random() < HARD_SHARE
    trouble = rng.choice(["faint", "blurred", "small", "covered"]) if hard else "none"

    by_pen = rng.random() < 0.65
    drawing = draw(LABELS[label], rng, by_pen=by_pen)
    extent = (0.2, 0.32) if trouble == "small" else (0.36, 0.92)
    view = scenes.look_at(rng, drawing, extent)
    amount = rng.uniform(0.005, 0.03) if by_pen else rng.uniform(0, 0.006)
    paths = [
        view.project(scenes.waver(rng, path, amount, closed=drawing.closed))
        for path in drawing.paths
    ]
    filled = drawing.closed and rng.random() < (0.3 if by_pen else 0.7)
    span = float(np.ptp(np.concatenate(paths), axis=0).max())
    width = max(rng.uniform(0.02, 0.085) * span, 0.011)
    ink = scenes.ink(rng, paths, size_px, filled=filled, width=width)

    first, second, pen = scenes.colours(rng, 0.12 if trouble == "faint" else 0.22)
    ground = texture(rng, *view.plane(size_px))
    scene = first + (second - first) * ground
    scene = scenes.clutter(rng, scene)
    if rng.random() < 0.25:
        scene = scenes.drop_shadow(rng, scene, ink)
    # Chalk and pencil leave gaps.
    ink *= 1 - np.float32(rng.uniform(0, 0.4)) * smooth_noise(rng, ink.shape, 40)
    scene += (pen - scene) * ink
    if trouble == "covered":
        scene = scenes.occlude(rng, scene, paths)
    scene *= scenes.light(rng, size_px)
    blur_px = (1.6, 2.6) if trouble == "blurred" else (0.1, 1.2)
    return scenes.photograph(rng, scene, blur_px), label


def render_many(
    seed: int,
    indices: int | Sequence[int],
    size_px: int = INPUT_PX,
    *,
    workers: int | None = None,
    start_method: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """(N, size_px, size_px, 3) images and (N,) labels, in the order of `indices` (or 0..N-1).

    Renders in `workers` processes (default: one per core), or in this one if there is only one
    chunk. Calls `progress(done, total)` in this process after every chunk. Raises UsageError.
    """
    wanted = list(range(indices)) if isinstance(indices, int) else list(indices)
    if (lowest := min(wanted, default=0)) < 0 or size_px < 1:
        raise UsageError(
            f"cannot render image {lowest} at {size_px} px: indices count from 0 and sizes from 1"
        )
    images = np.empty((len(wanted), size_px, size_px, 3), np.uint8)
    chunks = [wanted[start : start + CHUNK] for start in range(0, len(wanted), CHUNK)]
    job = partial(_render_chunk, seed, size_px)

    def collect(results: Iterable[NDArray[np.uint8]]) -> None:
        """Put the chunks into their places."""
        done = 0
        for chunk in results:
            images[done : done + len(chunk)] = chunk
            done += len(chunk)
            if progress is not None:
                progress(done, len(wanted))

    workers = min(workers or os.cpu_count() or 1, len(chunks))
    if workers <= 1:
        collect(map(job, chunks))
    else:
        context = multiprocessing.get_context(start_method or _start_method())
        with ProcessPoolExecutor(workers, mp_context=context) as pool:
            collect(pool.map(job, chunks))
    return images, np.array(wanted, np.int64) % len(LABELS)


def _render_chunk(seed: int, size_px: int, indices: Sequence[int]) -> NDArray[np.uint8]:
    """The images of one chunk, (N, size_px, size_px, 3)."""
    return np.stack([render(seed, index, size_px)[0] for index in indices])


def _start_method() -> str:
    """How the worker processes are started."""
    # A fresh interpreter imports the caller's main module, and torch with it, which takes longer
    # than the rendering. A fork is safe: the children use numpy's loops and Pillow, no threads.
    # macOS breaks forks of processes that have used its frameworks (bugs.python.org/issue33725).
    return "fork" if sys.platform == "linux" else "spawn"

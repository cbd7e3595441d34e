"""The rendered data set: what an image is a function of, and how fast it comes."""

import multiprocessing
import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pytest

from slide_mobile.demo import render as rendering
from slide_mobile.demo.render import LABELS, render, render_many
from slide_mobile.errors import UsageError

SPLITS = ("TRAIN_SEED", "CALIBRATION_SEED", "HELD_OUT_SEED", "GOLDEN_SEED")


def _digests(seed: int, indices: Sequence[int]) -> list[bytes]:
    return [render(seed, index)[0].tobytes() for index in indices]


def test_an_image_is_a_function_of_its_seed_and_index() -> None:
    np.random.seed(0)  # the global state must not matter
    first = _digests(7, range(24))
    np.random.seed(1)  # the global state must not matter
    assert _digests(7, range(23, -1, -1))[::-1] == first


def test_other_indices_and_other_seeds_give_other_images() -> None:
    assert len(set(_digests(7, range(24)) + _digests(8, range(24)))) == 48


@pytest.mark.parametrize("start_method", multiprocessing.get_all_start_methods())
def test_every_start_method_renders_the_same_bytes(start_method: str) -> None:
    indices = list(range(3, 3 + 2 * rendering.CHUNK))
    images, labels = render_many(7, indices, 32, workers=2, start_method=start_method)
    alone = [render(7, index, 32) for index in indices]
    assert np.array_equal(images, np.stack([image for image, _ in alone]))
    assert labels.tolist() == [label for _, label in alone]


def test_splits_share_no_image() -> None:
    seeds = [getattr(rendering, name) for name in SPLITS]
    assert len(set(seeds)) == len(SPLITS)
    digests = [digest for seed in seeds for digest in _digests(seed, range(48))]
    assert len(set(digests)) == len(digests)


def test_every_split_is_balanced_over_the_labels() -> None:
    for count in (
        rendering.CALIBRATION_COUNT, rendering.HELD_OUT_COUNT, rendering.GOLDEN_COUNT,
    ):  # fmt: skip
        assert count % len(LABELS) == 0
    _, labels = render_many(rendering.GOLDEN_SEED, 36, 16)
    assert np.bincount(labels).tolist() == [3] * len(LABELS)


@pytest.mark.parametrize("size_px", [1, 31, 64, 97, 224])
def test_any_size_renders(size_px: int) -> None:
    for index in range(len(LABELS)):
        pixels, label = render(11, index, size_px)
        assert pixels.shape == (size_px, size_px, 3)
        assert pixels.dtype == np.uint8
        assert label == index


def test_another_size_shows_the_same_scene() -> None:
    for index in range(24):
        small, large = (render(5, index, size)[0].astype(np.float64) for size in (64, 128))
        other = render(5, index + len(LABELS), 64)[0].astype(np.float64)
        shrunk = large.reshape(64, 2, 64, 2, 3).mean((1, 3))
        # Only the sensor's noise and JPEG are new; at most 0.24 of another scene's distance.
        assert np.abs(shrunk - small).mean() < 0.35 * np.abs(other - small).mean()


def test_images_span_the_range_of_a_photograph() -> None:
    images, _ = render_many(13, 60)
    brightness = images.mean((1, 2, 3))
    assert brightness.min() < 60
    assert brightness.max() > 180
    assert (images.std((1, 2)).max(-1) > 4).all()  # none is blank


def test_progress_reaches_the_total_once() -> None:
    seen: list[tuple[int, int]] = []
    render_many(7, 130, 8, workers=1, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(60, 130), (120, 130), (130, 130)]


def test_nothing_to_render_is_an_empty_array() -> None:
    images, labels = render_many(7, [])
    assert images.shape == (0, 128, 128, 3)
    assert labels.shape == (0,)


@pytest.mark.parametrize(("indices", "size_px"), [([4, -1], 128), ([0], 0)])
def test_impossible_requests_are_refused(indices: list[int], size_px: int) -> None:
    with pytest.raises(UsageError, match="cannot render"):
        render_many(7, indices, size_px)


def test_the_renderer_needs_no_torch() -> None:
    code = "import sys, slide_mobile.demo.render; print('torch' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"

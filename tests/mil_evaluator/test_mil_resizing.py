"""Resizing against the grids in MIL's docstrings, PyTorch, and bilinear sampling in loops."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from one_operation import assert_same, run

draw = np.random.default_rng(9)

# Where the output elements lie between the two elements of the input, from the
# docstrings of iOS15 resize_bilinear and upsample_bilinear.
GRIDS = [
    ("UNALIGN_CORNERS", [0.0, 0.1, 0.5, 0.9, 1.0]),
    ("STRICT_ALIGN_CORNERS", [0.0, 0.25, 0.5, 0.75, 1.0]),
    ("ALIGN_CORNERS", [0.0, 0.25, 0.5, 0.75, 1.0]),
    ("DEFAULT", [0.0, 0.4, 0.8, 1.0, 1.0]),
    ("OFFSET_CORNERS", [0.1, 0.3, 0.5, 0.7, 0.9]),
    ("UNALIGN_CORNERS", [0.0, 0.0, 1 / 3, 2 / 3, 1.0, 1.0]),
    ("DEFAULT", [0.0, 1 / 3, 2 / 3, 1.0, 1.0, 1.0]),
    ("OFFSET_CORNERS", [1 / 12, 3 / 12, 5 / 12, 7 / 12, 9 / 12, 11 / 12]),
    ("STRICT_ALIGN_CORNERS", [0.0]),
    ("ALIGN_CORNERS", [0.5]),
]


def floats(*shape: int) -> NDArray[np.float32]:
    return draw.normal(size=shape).astype(np.float32)


@pytest.mark.parametrize(("mode", "grid"), GRIDS)
def test_a_linear_resize_samples_the_documented_grid(mode: str, grid: list[float]) -> None:
    ramp = np.array([[[0, 1]]], np.float32)
    expected = np.array([[grid]], np.float32)
    size = {"target_size_height": 1, "target_size_width": len(grid)}
    assert_same(run("resize_bilinear", {"x": ramp}, **size, sampling_mode=mode), [expected])
    shape = np.array([1, len(grid)], np.int32)
    found = run("resize", {"x": ramp}, shape=shape, resized_dims=np.uint32(1), sampling_mode=mode)
    assert_same(found, [expected])
    upright = np.swapaxes(ramp, 1, 2).copy()
    size = {"target_size_height": len(grid), "target_size_width": 1}
    found = run("resize_bilinear", {"x": upright}, **size, sampling_mode=mode)
    assert_same(found, [np.swapaxes(expected, 1, 2)])


def test_a_resize_keeps_dimensions_of_zero() -> None:
    x = floats(1, 2, 3, 4)
    shape = np.array([1, 6, 0], np.int32)
    found = run("resize", {"x": x}, shape=shape, resized_dims=np.uint32(2), sampling_mode="DEFAULT")
    assert found[0].shape == (1, 2, 6, 4)
    assert_same([found[0][:, :, ::2]], [x])


@pytest.mark.parametrize(
    ("mode", "picked"),
    [
        ("DEFAULT", [0, 0, 1, 1, 2]),
        ("UNALIGN_CORNERS", [0, 0, 1, 2, 2]),
        ("ALIGN_CORNERS", [0, 1, 1, 2, 2]),
    ],
)
def test_a_nearest_resize_picks_elements(mode: str, picked: list[int]) -> None:
    x = floats(1, 1, 3)
    found = run(
        "resize",
        {"x": x},
        shape=np.array([5], np.int32),
        resized_dims=np.uint32(1),
        interpolation_mode="NEAREST_NEIGHBOR",
        sampling_mode=mode,
    )
    assert_same(found, [x[..., picked]])


@pytest.mark.parametrize("size", [(6, 8), (7, 5), (2, 3)])
def test_nearest_is_pytorchs(size: tuple[int, int]) -> None:
    x = floats(1, 2, 3, 4)
    expected = F.interpolate(torch.from_numpy(x), size, mode="nearest").numpy()
    found = run(
        "resize_nearest_neighbor", {"x": x}, target_size_height=size[0], target_size_width=size[1]
    )
    assert_same(found, [expected])
    if size == (6, 8):
        scale = {"scale_factor_height": 2, "scale_factor_width": 2}
        assert_same(run("upsample_nearest_neighbor", {"x": x}, **scale), [expected])


@pytest.mark.parametrize("align_corners", [False, True])
def test_bilinear_upsampling_is_pytorchs(align_corners: bool) -> None:
    x = floats(1, 2, 3, 5)
    expected = F.interpolate(
        torch.from_numpy(x),
        scale_factor=(2.5, 1.4),
        mode="bilinear",
        align_corners=align_corners,
        recompute_scale_factor=True,
    ).numpy()
    found = run(
        "upsample_bilinear",
        {"x": x},
        scale_factor_height=2.5,
        scale_factor_width=1.4,
        align_corners=align_corners,
    )
    assert_same(found, [expected])


def test_bilinear_upsampling_can_do_without_half_pixels() -> None:
    ramp = np.array([[[0, 1]]], np.float32)
    found = run(
        "upsample_bilinear",
        {"x": ramp},
        scale_factor_width=2.5,
        align_corners=False,
        half_pixel_centers=False,
    )
    assert_same(found, [np.array([[[0, 0.4, 0.8, 1, 1]]], np.float32)])


def sampled(x: NDArray[np.float32], place: NDArray[np.float32], mode: str, value: float) -> float:
    """Sample a padded image (H, W) bilinearly at (x, y) in pixels."""
    names = {"border": "edge", "reflection": "reflect", "symmetric": "symmetric"}
    border = 8
    if mode == "constant":
        padded = np.pad(x, border, constant_values=value)
    else:
        padded = np.pad(x, border, mode=names[mode])
    column, row = np.float64(place) + border
    top, left = int(np.floor(row)), int(np.floor(column))
    down, right = row - top, column - left
    rows = padded[top : top + 2, left : left + 2] @ [1 - right, right]
    return float(rows @ [1 - down, down])


@pytest.mark.parametrize(
    ("padding_mode", "align_corners"),
    [
        ("constant", False),
        ("constant", True),
        ("border", False),
        ("border", True),
        ("reflection", True),
        ("symmetric", False),
    ],
)
@pytest.mark.parametrize(
    "coordinates_mode", ["unnormalized", "normalized_minus_one_to_one", "normalized_zero_to_one"]
)
def test_resampling_reads_the_image_between_its_pixels(
    padding_mode: str, align_corners: bool, coordinates_mode: str
) -> None:
    x = floats(2, 3, 4, 5)
    pixels = draw.uniform(-3, 7, (2, 3, 4, 2)).astype(np.float32)
    size = np.array([5, 4], np.float32)
    unit = pixels / (size - 1) if align_corners else (pixels + 0.5) / size
    coordinates = {
        "unnormalized": pixels,
        "normalized_minus_one_to_one": 2 * unit - 1,
        "normalized_zero_to_one": unit,
    }[coordinates_mode]
    found = run(
        "resample",
        {"x": x, "coordinates": coordinates.astype(np.float32)},
        sampling_mode="bilinear",
        padding_mode=padding_mode,
        padding_value=0.7,
        coordinates_mode=coordinates_mode,
        align_corners=align_corners,
    )
    expected = np.empty((2, 3, 3, 4), np.float32)
    for image, channel, row, column in np.ndindex(*expected.shape):
        place = pixels[image, row, column]
        expected[image, channel, row, column] = sampled(x[image, channel], place, padding_mode, 0.7)
    assert_same(found, [expected], tolerance=1e-5)

"""Shape and indexing rules for which MIL's value inference is missing or wrong."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from one_operation import assert_same, run

draw = np.random.default_rng(5)


def floats(*shape: int) -> NDArray[np.float32]:
    return draw.normal(size=shape).astype(np.float32)


def test_interleaving_takes_elements_in_turn() -> None:
    first = np.array([[1, 2], [3, 4], [5, 6]], np.float32)
    second = np.array([[7, 8], [9, 10], [11, 12]], np.float32)
    found = run("concat", {"values.0": first, "values.1": second}, axis=0, interleave=True)
    assert found[0].tolist() == [[1, 2], [7, 8], [3, 4], [9, 10], [5, 6], [11, 12]]
    found = run("concat", {"values.0": first, "values.1": second}, axis=-1, interleave=True)
    assert found[0].tolist() == [[1, 7, 2, 8], [3, 9, 4, 10], [5, 11, 6, 12]]


def test_scalars_are_joined_to_a_vector() -> None:
    found = run("concat", {}, values=[np.float32(2), np.float32(3)], axis=0)
    assert found[0].tolist() == [2, 3]


def test_an_exclusive_sum_leaves_its_own_element_out() -> None:
    x = np.array([[1, 2, 4], [8, 16, 32]], np.float32)
    assert run("cumsum", {"x": x}, axis=1, exclusive=True)[0].tolist() == [[0, 1, 3], [0, 8, 24]]
    found = run("cumsum", {"x": x}, axis=1, exclusive=True, reverse=True)
    assert found[0].tolist() == [[6, 4, 0], [48, 32, 0]]


def test_equal_elements_keep_their_order() -> None:
    x = np.array([1, 0, 1, 0], np.float32)
    assert run("argsort", {"x": x})[0].tolist() == [0, 2, 1, 3]
    assert run("argsort", {"x": x}, ascending=True)[0].tolist() == [1, 3, 0, 2]


@pytest.mark.parametrize(("axis", "shape"), [(0, (1, 24)), (3, (24, 1))])
def test_flattening_can_leave_one_side_empty(axis: int, shape: tuple[int, int]) -> None:
    x = floats(2, 3, 4)
    assert_same(run("flatten2d", {"x": x}, axis=axis), [x.reshape(shape)])


def test_a_squeeze_ignores_axes_that_are_not_single() -> None:
    assert run("squeeze", {"x": floats(1, 3, 1)}, axes=[0, 1])[0].shape == (3, 1)


def test_sequences_are_reversed_up_to_their_lengths() -> None:
    x = np.arange(8, dtype=np.float32).reshape(2, 4)
    found = run("reverse_sequence", {"x": x}, lengths=[3, 2], seq_axis=1, batch_axis=0)
    assert found[0].tolist() == [[2, 1, 0, 3], [5, 4, 6, 7]]


def test_a_shape_is_put_together_from_references() -> None:
    x = floats(6, 5, 6)
    found = run(
        "reshape_like",
        {"x": x, "ref_tensors.0": floats(2, 3, 4), "ref_tensors.1": floats(1, 5, 6)},
        begins=[np.int32(0), np.int32(1)],
        ends=[np.int32(2), np.int32(0)],
        end_masks=[np.bool_(False), np.bool_(True)],
    )
    assert_same(found, [x.reshape(2, 3, 5, 6)])


def test_a_crop_takes_the_borders_off() -> None:
    x = floats(2, 3, 6, 7)
    found = run("crop", {"x": x}, crop_height=[1, 2], crop_width=[0, 3])
    assert_same(found, [x[..., 1:4, 0:4]])


def test_windows_slide_along_an_axis() -> None:
    x = floats(2, 7, 3)
    found = run("sliding_windows", {"x": x}, axis=-2, size=3, stride=2)
    assert_same(found, [np.stack([x[:, i : i + 3] for i in (0, 2, 4)], 1)])


def test_a_block_is_the_slow_part_of_depth_to_space_and_the_fast_part_of_pixel_shuffle() -> None:
    x = floats(2, 12, 3, 4)
    depth, pixels = np.empty((2, 3, 6, 8), np.float32), np.empty((2, 3, 6, 8), np.float32)
    for channel, row, column in np.ndindex(3, 2, 2):
        depth[:, channel, row::2, column::2] = x[:, (row * 2 + column) * 3 + channel]
        pixels[:, channel, row::2, column::2] = x[:, channel * 4 + row * 2 + column]
    assert_same(run("depth_to_space", {"x": x}, block_size=2), [depth])
    assert_same(run("pixel_shuffle", {"x": x}, upscale_factor=2), [pixels])
    assert_same(run("space_to_depth", {"x": depth}, block_size=2), [x])
    assert_same(run("pixel_unshuffle", {"x": pixels}, downscale_factor=np.uint32(2)), [x])


def test_space_goes_to_the_batch_and_back() -> None:
    x = floats(2, 3, 3, 4)
    paddings = np.array([[1, 0], [2, 3]], np.int32)
    padded = np.pad(x, [(0, 0), (0, 0), (1, 0), (2, 3)])
    expected = np.concatenate([padded[..., i::2, j::3] for i in range(2) for j in range(3)])
    found = run("space_to_batch", {"x": x}, block_shape=[2, 3], paddings=paddings)
    assert_same(found, [expected])
    back = run("batch_to_space", {"x": found[0]}, block_shape=[2, 3], crops=paddings)
    assert_same(back, [x])


@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_a_one_hot_vector_is_on_at_its_index(axis: int) -> None:
    indices = np.array([[0, 3], [2, 1]], np.int32)
    found = run(
        "one_hot",
        {"indices": indices},
        one_hot_vector_size=4,
        axis=axis,
        on_value=2.0,
        off_value=-1.0,
    )
    expected = np.where(np.eye(4)[indices] == 1, 2, -1).astype(np.float32)
    assert_same(found, [np.moveaxis(expected, -1, axis)])


def test_a_gather_by_coordinates_reads_rows() -> None:
    x, places = floats(3, 4, 5), np.array([[[0, 1], [2, 3]], [[1, 1], [0, 0]]], np.int32)
    assert_same(run("gather_nd", {"x": x}, indices=places), [x[places[..., 0], places[..., 1]]])
    batches = np.array([[[1], [2]], [[0], [3]], [[3], [1]]], np.int32)
    expected = np.stack([image[index[:, 0]] for image, index in zip(x, batches, strict=True)])
    assert_same(run("gather_nd", {"x": x}, indices=batches, batch_dims=1), [expected])


MODES: dict[str, Any] = {
    "update": lambda old, new: new,
    "add": lambda old, new: old + new,
    "sub": lambda old, new: old - new,
    "mul": lambda old, new: old * new,
    "div": lambda old, new: old / new,
    "max": max,
    "min": min,
}


@pytest.mark.parametrize("mode", MODES)
def test_a_scatter_combines_one_update_after_the_other(mode: str) -> None:
    data, updates = floats(4, 3), floats(3, 3)
    rows = np.array([2, 0, 2], np.int32)  # one of them twice
    expected = data.copy()
    for (place, column), new in np.ndenumerate(updates):
        row = rows[place]
        expected[row, column] = MODES[mode](expected[row, column], new)
    fed = {"data": data, "updates": updates}
    assert_same(run("scatter", fed, indices=rows, axis=0, mode=mode), [expected])
    spread = np.broadcast_to(rows[:, None], (3, 3)).copy()
    assert_same(run("scatter_along_axis", fed, indices=spread, axis=0, mode=mode), [expected])
    assert_same(run("scatter_nd", fed, indices=rows[:, None], mode=mode), [expected])


def test_a_scatter_works_along_any_axis() -> None:
    data, updates = floats(2, 4, 3), floats(2, 2, 3)
    expected = data.copy()
    expected[:, [3, 1]] += updates
    found = run("scatter", {"data": data, "updates": updates}, indices=[3, 1], axis=-2, mode="add")
    assert_same(found, [expected])


def test_silu_is_x_times_its_sigmoid() -> None:
    x = floats(3, 4)
    assert_same(run("silu", {"x": x}), [x / (1 + np.exp(-x))])

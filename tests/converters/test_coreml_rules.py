"""Grids, palettes, and the remarks on small MIL programs whose facts are known by design."""

from pathlib import Path

import coremltools as ct
import numpy as np
import pytest

from slide_mobile.parity.metrics import sqnr_db
from slide_mobile.targets.quiet import quiet
from slide_mobile_converters.coreml import graph, reading
from slide_mobile_converters.coreml.compression import bits_by_size, kmeans, palette
from slide_mobile_converters.coreml.neural_engine import findings
from slide_mobile_converters.coreml.quantization import fit

mb = ct.converters.mil.Builder


def squared_error(x: np.ndarray, scale: float, low: int, high: int) -> float:
    return float(np.square(np.clip(np.round(x / scale), low, high) * scale - x).mean())


def test_a_lone_outlier_is_clipped_and_the_error_falls() -> None:
    x = np.random.default_rng(0).normal(size=100_000).astype(np.float32)
    x[0] = 12.0
    grid = fit(x)
    assert (grid.low, grid.high) == (-127, 127) and grid.scale * 127 < 12
    assert squared_error(x, grid.scale, -127, 127) < squared_error(x, 12 / 127, -127, 127)


def test_a_tensor_without_negative_values_uses_all_eight_bits() -> None:
    grid = fit(np.linspace(0, 51, 1000, dtype=np.float32))
    assert (grid.low, grid.high) == (0, 255) and grid.scale == pytest.approx(0.2)


def test_a_constant_zero_has_a_grid() -> None:
    assert fit(np.zeros(10, np.float32)).scale == 1.0


def test_the_smallest_tensors_get_the_larger_palette() -> None:
    sizes = {"large": 700, "first": 10, "middle": 200, "second": 90}
    found = bits_by_size(sizes, most=4, small=6)
    assert found == {"first": 6, "second": 6, "middle": 4, "large": 4}


def test_a_palette_is_the_best_one() -> None:
    # Three tight groups: exact k-means finds them, a uniform grid would not.
    weight = np.array([[0.0, 0.01, 5.0], [5.01, 5.02, 9.0]], np.float16)
    centres, indices = palette(2, weight)
    assert centres.dtype == np.float16 and indices.dtype == np.uint8
    assert np.abs(centres[indices].reshape(2, 3) - weight).max() < 0.02
    few = np.random.default_rng(0).choice(np.array([-1, 2, 3, 7], np.float16), (8, 8))
    centres, indices = palette(2, few)
    np.testing.assert_array_equal(centres[indices].reshape(8, 8), few)


@pytest.mark.parametrize("bits", [4, 6, 8])
@pytest.mark.parametrize("freedom", [3, 300])  # of Student's t: heavy tails, none
def test_rounding_before_the_search_costs_a_palette_next_to_nothing(
    bits: int, freedom: int
) -> None:
    weight = np.random.default_rng(0).standard_t(freedom, (96, 64)).astype(np.float16)
    best, members = kmeans(bits, weight, force_kmeans1d=True)
    centres, indices = palette(bits, weight)
    flat = weight.reshape(-1).astype(np.float32)
    # Measured: 0.015 dB at most, with 8 bits.
    assert sqnr_db(flat, centres[indices]) > sqnr_db(flat, best[members]) - 0.02


def saved(program: object, path: Path) -> Path:
    with quiet():
        model = ct.convert(
            program,
            minimum_deployment_target=ct.target.iOS17,
            compute_precision=ct.precision.FLOAT32,
            skip_model_load=True,
        )
        model.save(str(path))
    return path


@pytest.fixture(scope="module")
def awkward(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """fp32, rank 5, an axis of 20,000, a gather by data, a linear, last axes of 1."""

    @mb.program(
        input_specs=[mb.TensorSpec(shape=(1, 4, 6, 10)), mb.TensorSpec(shape=(2,))],
        opset_version=ct.target.iOS17,
    )
    def program(x, y):
        deep = mb.exp(x=mb.reshape(x=x, shape=[1, 2, 2, 6, 10]))
        tokens = mb.reshape(x=deep, shape=[24, 10])
        tokens = mb.linear(x=tokens, weight=np.ones((3, 10), np.float32))
        chosen = mb.gather(x=tokens, indices=mb.cast(x=y, dtype="int32"), axis=0)
        column = mb.reduce_sum(x=chosen, axes=[1], keep_dims=True)
        long = mb.tile(x=column, reps=[10_000, 1])
        product = mb.matmul(x=chosen, y=chosen, transpose_x=True)
        return mb.reshape(x=long, shape=[20_000]), product

    return saved(program, tmp_path_factory.mktemp("mil") / "awkward.mlpackage")


def test_each_broken_rule_has_its_line(awkward: Path) -> None:
    lines = findings(reading.program(awkward))
    for part in (
        "operations compute in fp32",
        "tensors have a rank above 4, the first is",
        "tensors have an axis over 16384, the first is",
        "last axes padded to 64 bytes make the activations ",
        "1 gathers take their indices from data",
        "1 linears: 1x1 convolutions",
        "operations only move data: reshape x3, ",
        "unofficial",
    ):
        assert [line for line in lines if part in line], part
    assert all("\n" not in line for line in lines)


def test_multiply_adds_are_counted_from_shapes(awkward: Path) -> None:
    counts = [count for count, _ in graph.multiply_adds(reading.program(awkward))]
    assert counts == [24 * 3 * 10, 3 * 3 * 2]  # the linear, and x transposed times x


def test_a_neat_program_has_few_remarks(tmp_path: Path) -> None:
    @mb.program(
        input_specs=[mb.TensorSpec(shape=(1, 16, 8, 32), dtype=ct.converters.mil.mil.types.fp16)],
        opset_version=ct.target.iOS17,
    )
    def program(x):
        return mb.conv(x=x, weight=np.ones((16, 16, 1, 1), np.float16))

    facts = graph.inspect(saved(program, tmp_path / "neat.mlpackage"))
    assert (facts.max_rank, facts.total_ops, facts.ops) == (4, 1, {"conv": 1})
    assert len(facts.findings) == 3 and "0 of 1 operations only move data" in facts.findings[1]

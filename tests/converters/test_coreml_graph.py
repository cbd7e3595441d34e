"""Facts about small MIL programs that are known by design, and hints on the Neural Engine."""

from pathlib import Path

import coremltools as ct
import numpy as np
import pytest

from slide_mobile.targets.quiet import quiet
from slide_mobile_converters.coreml import graph, reading
from slide_mobile_converters.coreml.neural_engine import findings

mb = ct.converters.mil.Builder


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
        "tensors have a rank above 4, first ",
        "tensors have an axis over 16384, first ",
        "padding of last axes to 64 bytes makes the activations ",
        "1 gathers have indices that are not constant",
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

"""Compressed weights: a compressed model gives the same results as the decompressed model."""

from pathlib import Path

import coremltools as ct
import coremltools.optimize.coreml as cto
import numpy as np
import pytest
import torch
from one_operation import run
from torch import nn

import mil_evaluator
from mil_evaluator.replay import replay

IOS16, IOS17, IOS18 = ct.target.iOS16, ct.target.iOS17, ct.target.iOS18

EXACT = 0.0  # decompressing is table reads, or one product that is rounded once


def palettized(model: ct.models.MLModel, **options: object) -> ct.models.MLModel:
    config = cto.OptimizationConfig(cto.OpPalettizerConfig(weight_threshold=0, **options))
    return cto.palettize_weights(model, config)


def quantized(model: ct.models.MLModel, **options: object) -> ct.models.MLModel:
    config = cto.OptimizationConfig(cto.OpLinearQuantizerConfig(weight_threshold=0, **options))
    return cto.linear_quantize_weights(model, config)


def pruned(model: ct.models.MLModel, **options: object) -> ct.models.MLModel:
    config = cto.OptimizationConfig(cto.OpMagnitudePrunerConfig(weight_threshold=0, **options))
    return cto.prune_weights(model, config)


CASES = {
    "lut-2-iOS16": (IOS16, lambda m: palettized(m, nbits=2, mode="kmeans"), {"lut_to_dense"}),
    "lut-6-iOS17": (IOS17, lambda m: palettized(m, nbits=6, mode="uniform"), {"lut_to_dense"}),
    "affine-iOS16": (
        IOS16,
        lambda m: quantized(m, mode="linear_symmetric"),
        {"affine_dequantize"},
    ),
    "affine-unsigned-iOS17": (
        IOS17,
        lambda m: quantized(m, mode="linear", dtype="uint8"),
        {"affine_dequantize"},
    ),
    "sparse-iOS16": (IOS16, lambda m: pruned(m, target_sparsity=0.6), {"sparse_to_dense"}),
    "sparse-iOS18": (IOS18, lambda m: pruned(m, target_sparsity=0.6), {"sparse_to_dense"}),
    "lut-3-iOS18": (IOS18, lambda m: palettized(m, nbits=3), {"lut_to_dense"}),
    "lut-grouped-iOS18": (
        IOS18,
        lambda m: palettized(m, nbits=4, granularity="per_grouped_channel", group_size=4),
        {"lut_to_dense"},
    ),
    "lut-vector-iOS18": (
        IOS18,
        lambda m: palettized(m, nbits=4, cluster_dim=4),
        {"lut_to_dense"},
    ),
    "blockwise-int4-iOS18": (
        IOS18,
        lambda m: quantized(m, dtype="int4", granularity="per_block", block_size=4),
        {"blockwise_shift_scale"},
    ),
    "blockwise-uint8-iOS18": (
        IOS18,
        lambda m: quantized(m, mode="linear", dtype="uint8"),
        {"blockwise_shift_scale"},
    ),
    "sparse-lut-iOS18": (
        IOS18,
        lambda m: cto.palettize_weights(
            pruned(m, target_sparsity=0.5),
            cto.OptimizationConfig(cto.OpPalettizerConfig(nbits=4, weight_threshold=0)),
            joint_compression=True,
        ),
        {"lut_to_sparse", "sparse_to_dense"},
    ),
    "sparse-int8-iOS18": (
        IOS18,
        lambda m: cto.linear_quantize_weights(
            pruned(m, target_sparsity=0.5),
            cto.OptimizationConfig(cto.OpLinearQuantizerConfig(weight_threshold=0)),
            joint_compression=True,
        ),
        {"sparse_blockwise_shift_scale", "sparse_to_dense"},
    ),
}


def converted(target: ct.target, precision: ct.precision) -> ct.models.MLModel:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(4, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 8)).eval()
    exported = torch.export.export(model, (torch.rand(1, 4, 5, 5),)).run_decompositions({})
    return ct.convert(
        exported,
        inputs=[ct.TensorType(name="x", shape=(1, 4, 5, 5))],
        minimum_deployment_target=target,
        compute_precision=precision,
    )


@pytest.mark.parametrize("precision", [ct.precision.FLOAT32, ct.precision.FLOAT16])
@pytest.mark.parametrize("name", CASES)
def test_compressed_weights_are_those_of_the_decompressed_model(
    name: str, precision: ct.precision, tmp_path: Path
) -> None:
    target, compress, kinds = CASES[name]
    compressed = compress(converted(target, precision))
    compressed.save(str(tmp_path / "small.mlpackage"))
    cto.decompress_weights(compressed).save(str(tmp_path / "large.mlpackage"))

    small = mil_evaluator.load(tmp_path / "small.mlpackage")
    large = mil_evaluator.load(tmp_path / "large.mlpackage")
    found = {op.type for op in small.operations if op.type.startswith("constexpr_")}
    assert found == {f"constexpr_{kind}" for kind in kinds}
    assert not any(op.type.startswith("constexpr_") for op in large.operations)

    x = np.random.default_rng(1).normal(size=(1, 4, 5, 5)).astype(np.float32)
    ours, theirs = (p.run({"x": x})[p.outputs[0]] for p in (small, large))
    assert np.array_equal(ours, theirs)

    compared = replay(tmp_path / "small.mlpackage", {"x": x}).compared
    assert found <= compared.keys()
    assert all(compared[kind].difference == EXACT for kind in found)


def test_a_constant_stored_in_fp16_is_read_in_fp32() -> None:
    stored = np.array([0.1, -2, 6e-8], np.float16)
    found = run("constexpr_cast", {}, source_val=stored, output_dtype="fp32")
    assert found[0].tolist() == stored.astype(np.float32).tolist()


def test_a_look_up_table_can_be_compressed_itself(tmp_path: Path) -> None:
    plain = palettized(converted(IOS18, ct.precision.FLOAT32), nbits=4)
    plain.save(str(tmp_path / "plain.mlpackage"))
    per_tensor = cto.OpLinearQuantizerConfig(weight_threshold=0, granularity="per_tensor")
    joint = cto.linear_quantize_weights(
        plain, cto.OptimizationConfig(per_tensor), joint_compression=True
    )
    joint.save(str(tmp_path / "joint.mlpackage"))

    x = np.random.default_rng(1).normal(size=(1, 4, 5, 5)).astype(np.float32)
    weights = []
    for name in ("plain", "joint"):
        program = mil_evaluator.load(tmp_path / f"{name}.mlpackage")
        conv = next(op for op in program.operations if op.type == "conv")
        weight = conv.inputs["weight"]
        assert isinstance(weight, str)
        weights.append(program.run({"x": x}, keep=[weight])[weight])
    expected, found = weights
    step = np.abs(expected).max() / 127
    assert 0 < np.abs(found - expected).max() <= step
    assert len(np.unique(found)) <= 16
    # coremltools cannot decompress these itself.
    assert replay(tmp_path / "joint.mlpackage", {"x": x}).without_reference[
        "constexpr_lut_to_dense"
    ]

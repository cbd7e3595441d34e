"""Weights of convolutions and linears in 8, 6 or 4 bits, by coremltools' own passes.

Core ML decompresses the weights when it loads or runs the model. Shapes and activations do not
change. Depthwise kernels, the first layer, constant sums and biases stay in float: together they
are 1 % of the bytes.

A palette is one table for each tensor (a table for each group of channels needs iOS 18): see
slide_mobile.targets.palettes. coremltools would use scikit-learn's search below 10,000 values.
"""

from collections.abc import Collection, Iterator, Mapping
from functools import partial
from math import prod
from typing import Any

import coremltools as ct
import numpy as np
from coremltools.models.neural_network.quantization_utils import (
    _get_kmeans_lookup_table_and_weight as kmeans,
)
from coremltools.optimize import coreml as optimize
from numpy.typing import NDArray

from slide_mobile.recipes import Recipe, is_quantizable
from slide_mobile.targets.palettes import PALETTES, Palette, bits_by_size, palettes

_ANY_SIZE = 0


def compression(recipe: Recipe, program: Any, *, keep: Collection[str] = ()) -> Any:
    """The coremltools pass pipeline that stores a MIL program's weights in the recipe's format.

    With int8 activations, exactly the operations that read int8 get int8 weights. Operations whose
    outputs are named in `keep` stay in float.
    """
    layers = [
        op
        for op in quantizable(program)
        if op.outputs[0].name not in keep and (recipe.activations != "int8" or _reads_int8(op))
    ]
    # Keyed by constant, not by operation: a bias can be shared with an operation in float.
    sizes = {op.weight.op.name: prod(op.weight.shape) for op in layers}
    pipeline = ct.PassPipeline.EMPTY
    if recipe.weights == "int8":
        linear = optimize.OpLinearQuantizerConfig(
            mode="linear_symmetric", granularity="per_channel", weight_threshold=_ANY_SIZE
        )
        _append(pipeline, "compression::linear_quantize_weights", dict.fromkeys(sizes, linear))
    elif recipe.weights in PALETTES:
        bits = bits_by_size(sizes, *PALETTES[recipe.weights])
        values = {op.weight.op.name: op.weight.val for op in layers}
        _append(pipeline, "compression::palettize_weights", _palettizers(values, bits))
    return pipeline


def quantizable(program: Any) -> Iterator[Any]:
    """The convolutions and linears of a MIL program that int8 recipes quantize."""
    for op in program.functions["main"].operations:
        grouped = op.op_type == "conv" and op.groups.val != 1
        if (
            op.op_type in {"conv", "linear"}
            and not grouped
            and is_quantizable(*op.weight.shape[:2])
        ):
            yield op


def _palettizers(values: Mapping[str, NDArray[Any]], bits: Mapping[str, int]) -> dict[str, Any]:
    """A configuration for each tensor; the pass would compute one palette after the other."""
    found = palettes(list(bits.values()), [values[name] for name in bits], cluster)
    return {
        name: optimize.OpPalettizerConfig(
            mode="custom", lut_function=partial(_given, one), weight_threshold=_ANY_SIZE
        )
        for name, one in zip(bits, found, strict=True)
    }


def cluster(bits: int, values: NDArray[np.float64]) -> NDArray[Any]:
    """The cluster of each value, of 2**bits, by exact 1-D k-means."""
    _, indices = kmeans(bits, values, force_kmeans1d=True)
    return np.asarray(indices)


def _given(found: Palette, _: NDArray[Any]) -> Palette:
    return found


def _reads_int8(op: Any) -> bool:
    return op.x.op is not None and op.x.op.op_type == "dequantize"


def _append(pipeline: Any, name: str, configs: dict[str, Any]) -> None:
    pipeline.append_pass(name)
    pipeline.set_options(name, {"config": optimize.OptimizationConfig(op_name_configs=configs)})

"""Numeric formats of a .tflite: fp16 weights, or int8 where it is faster.

Only CONV_2D and FULLY_CONNECTED with enough channels (`recipes.is_quantizable`) become int8.
Measured with XNNPACK on slide_swin_tiny (benchmarks/islands.py): int8 makes dense products faster
and nothing else. Depthwise convolutions become slower and have no dynamic-range kernel, an int8
GELU or BATCH_MATMUL cuts the delegate, and products with few channels gain less than the
conversions around them cost.
"""

import os
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import qtyping
from ai_edge_quantizer.algorithm_manager import AlgorithmName
from ai_edge_quantizer.quantizer import Quantizer
from numpy.typing import NDArray

from slide_mobile.recipes import Recipe, is_quantizable
from slide_mobile.targets.calibration import clipped, sample_and_extremes
from slide_mobile.targets.converter import Request, require_quantized
from slide_mobile_converters.tflite.probe import LAST, module_path

Input = NDArray[np.float32]
Ranges = dict[str, dict[str, NDArray[np.float32]]]

_OPS = {
    schema.BuiltinOperator.CONV_2D: qtyping.TFLOperationName.CONV_2D,
    schema.BuiltinOperator.FULLY_CONNECTED: qtyping.TFLOperationName.FULLY_CONNECTED,
}
# Depthwise kernels stay fp32. They are less than 1 % of the bytes, and XNNPACK in TensorFlow 2.19
# does not load some of them in fp16 ("failed to delegate DEPTHWISE_CONV_2D").
_CASTABLE = (qtyping.TFLOperationName.CONV_2D, qtyping.TFLOperationName.FULLY_CONNECTED)


@dataclass(frozen=True, kw_only=True)
class DenseOp:
    """An operation to quantize: names of its tensors, and the path of its module if known.

    `reads_output` says that its input is also an output of the graph.
    """

    kind: qtyping.TFLOperationName
    input: str
    output: str
    module: str | None
    reads_output: bool = False


def in_format(model: bytes, request: Request, float_modules: Collection[str]) -> bytes:
    """The float32 file in the recipe's numeric format; fp32 is returned as it is.

    `float_modules` are paths as `probe.module_path` returns them. Raises ValueError for one that
    the recipe leaves in float anyway.
    """
    if request.recipe.weights == "float32":
        return model
    if request.recipe.weights == "float16":
        return to_float16(model)
    inputs = [image[None].astype(np.float32) for image in request.calibration]
    return to_int8(model, request.recipe, inputs, float_modules)


def to_float16(model: bytes) -> bytes:
    """The file with fp16 weights, which are dequantized when they are used."""
    quantizer = Quantizer(model)
    for kind in _CASTABLE:
        quantizer.update_quantization_recipe(".*", kind, _FLOAT16, AlgorithmName.FLOAT_CASTING)
    return _quantized(quantizer)


def to_int8(
    model: bytes, recipe: Recipe, inputs: Sequence[Input], float_modules: Collection[str] = ()
) -> bytes:
    """The file with int8 weights and the activations of the recipe, calibrated on the inputs."""
    every = list(dense_ops(model))
    require_quantized(float_modules, {op.module for op in every if op.module})
    # ai-edge-quantizer 0.9 puts the int8 copy of a tensor that is also an output among the graph's
    # outputs (transformations/quant_insert.py), and the signature loses that output.
    ops = [op for op in every if op.module not in float_modules and not op.reads_output]
    quantizer = Quantizer(model)
    for op in ops:
        scope = f"^{re.escape(op.output)};?$"
        if recipe.activations == "int8":
            quantizer.add_static_config(scope, op.kind, 8, 8)
        elif recipe.activations == "int8-dynamic":
            quantizer.add_dynamic_config(scope, op.kind, 8)
        else:
            quantizer.add_weight_only_config(scope, op.kind, 8)
    return _quantized(
        quantizer, calibrate(model, ops, inputs) if recipe.needs_calibration else None
    )


def dense_ops(model: bytes) -> Iterator[DenseOp]:
    """The operations that int8 recipes quantize."""
    parsed = schema.ModelT.InitFromPackedBuf(model, 0)
    (graph,) = parsed.subgraphs
    for op in graph.operators:
        kind = _OPS.get(parsed.operatorCodes[op.opcodeIndex].builtinCode)
        if kind is None:
            continue
        weight = graph.tensors[op.inputs[1]]
        constant = parsed.buffers[weight.buffer].data is not None
        # (out, in) of a FULLY_CONNECTED, (out, height, width, in) of a CONV_2D.
        if constant and is_quantizable(weight.shape[0], weight.shape[-1]):
            output = graph.tensors[op.outputs[0]].name.decode()
            yield DenseOp(
                kind=kind,
                input=graph.tensors[op.inputs[0]].name.decode(),
                output=output,
                # The tensor of the last operation has the name of the graph's output.
                module=module_path(output) or (LAST if op.outputs[0] in graph.outputs else None),
                reads_output=op.inputs[0] in graph.outputs,
            )


def calibrate(model: bytes, ops: Sequence[DenseOp], inputs: Sequence[Input]) -> Ranges:
    """Ranges of the inputs and outputs of these operations, measured on the float file.

    A fixed random sample of each tensor and its extremes are taken for each image. The range is
    clipped where rounding all of these to 8 bits has the least squared error.
    """
    # LiteRT warns that a delegate may hide tensors. It does not here: XNNPACK then takes operations
    # one by one, and is still five times faster than the builtin kernels.
    interpreter = Interpreter(
        model_content=model,
        experimental_preserve_all_tensors=True,
        num_threads=os.cpu_count() or 1,
    )
    interpreter.allocate_tensors()
    (image_input,) = interpreter.get_input_details()
    wanted = {name for op in ops for name in (op.input, op.output)}
    indices = {t["name"]: t["index"] for t in interpreter.get_tensor_details()}
    kept: dict[str, list[NDArray[np.float32]]] = {name: [] for name in sorted(wanted)}
    draw = np.random.default_rng(0)
    for values_in in inputs:
        interpreter.set_tensor(image_input["index"], values_in)
        interpreter.invoke()
        for name, values in kept.items():
            values.append(sample_and_extremes(interpreter.get_tensor(indices[name]), draw))
    limits = {name: clipped(np.concatenate(values)) for name, values in kept.items()}
    return {
        name: {kind: np.full((1, 1, 1, 1), x, np.float32) for kind, x in (("min", a), ("max", b))}
        for name, (a, b) in limits.items()
    }


def _quantized(quantizer: Quantizer, ranges: Ranges | None = None) -> bytes:
    result = quantizer.quantize(ranges, enable_progress_bar=False, enable_progress_report=False)
    assert result.quantized_model is not None
    return bytes(result.quantized_model)


_FLOAT16 = qtyping.OpQuantizationConfig(
    weight_tensor_config=qtyping.TensorQuantizationConfig(
        num_bits=16, dtype=qtyping.TensorDataType.FLOAT
    ),
    compute_precision=qtyping.ComputePrecision.FLOAT,
    explicit_dequantize=True,
)

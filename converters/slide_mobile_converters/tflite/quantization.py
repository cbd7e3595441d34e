"""Numeric formats of a .tflite file: which operations change, and the ranges they get.

Only thick CONV_2D and FULLY_CONNECTED (`recipes.is_thick`) are quantised. Measured on
XNNPACK (benchmarks/islands.py, slide_swin_tiny): int8 makes dense products faster and nothing
else; depthwise convolutions are slower and have no dynamic-range kernel, an int8 GELU or
BATCH_MATMUL splits the delegate, and thin products are no faster with the conversions around them.
"""

import contextlib
import io
import os
import re
import warnings
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import qtyping
from ai_edge_quantizer.algorithm_manager import AlgorithmName
from ai_edge_quantizer.quantizer import Quantizer
from numpy.typing import NDArray

from slide_mobile.recipes import Recipe, is_thick
from slide_mobile.targets.calibration import clipped, sample_and_extremes
from slide_mobile.targets.converter import require_found
from slide_mobile_converters.tflite.probe import LAST, module_path

Input = NDArray[np.float32]

_OPS = {
    schema.BuiltinOperator.CONV_2D: qtyping.TFLOperationName.CONV_2D,
    schema.BuiltinOperator.FULLY_CONNECTED: qtyping.TFLOperationName.FULLY_CONNECTED,
}
# Depthwise kernels stay fp32: they are under 1 % of the bytes, and XNNPACK in TensorFlow 2.19
# refuses to load some of them in fp16 ("failed to delegate DEPTHWISE_CONV_2D").
_CASTABLE = (qtyping.TFLOperationName.CONV_2D, qtyping.TFLOperationName.FULLY_CONNECTED)


@dataclass(frozen=True, kw_only=True)
class DenseOp:
    """One operation worth quantising, by the names of its tensors and of its module, if known.

    `reads_output`: its input is also an output of the graph.
    """

    kind: qtyping.TFLOperationName
    input: str
    output: str
    module: str | None
    reads_output: bool = False


def quantize(
    model: bytes,
    recipe: Recipe,
    calibration: Sequence[Input],
    *,
    float_modules: Collection[str] = (),
) -> bytes:
    """Return the file in the recipe's numeric format (fp32: as it is).

    `calibration` holds arrays of the model's own input shape, `float_modules` paths as
    probe.module_path gives them. Raises ValueError for a path that is none of an operation to
    quantise.
    """
    if recipe.weights == "float32":
        return model
    quantizer = Quantizer(model)
    ranges = None
    if recipe.weights == "float16":
        for kind in _CASTABLE:
            quantizer.update_quantization_recipe(".*", kind, _FLOAT16, AlgorithmName.FLOAT_CASTING)
    else:
        every = list(dense_ops(model))
        require_found(float_modules, {op.module for op in every if op.module})
        # ai-edge-quantizer 0.9 would put the int8 copy of a shared tensor among the graph's outputs
        # (transformations/quant_insert.py), and the signature would lose it.
        ops = [op for op in every if op.module not in float_modules and not op.reads_output]
        for op in ops:
            scope = f"^{re.escape(op.output)};?$"
            if recipe.activations == "int8":
                quantizer.add_static_config(scope, op.kind, 8, 8)
            elif recipe.activations == "int8-dynamic":
                quantizer.add_dynamic_config(scope, op.kind, 8)
            else:
                quantizer.add_weight_only_config(scope, op.kind, 8)
        if recipe.needs_calibration:
            ranges = calibrate(model, ops, calibration)
    # The quantizer draws progress bars on stderr, ours are enough.
    with contextlib.redirect_stderr(io.StringIO()):
        result = quantizer.quantize(ranges, enable_progress_bar=False, enable_progress_report=False)
    assert result.quantized_model is not None
    return bytes(result.quantized_model)


def dense_ops(model: bytes) -> Iterator[DenseOp]:
    """The operations that int8 makes faster."""
    parsed = schema.ModelT.InitFromPackedBuf(model, 0)
    (graph,) = parsed.subgraphs
    for op in graph.operators:
        kind = _OPS.get(parsed.operatorCodes[op.opcodeIndex].builtinCode)
        if kind is None:
            continue
        weight = graph.tensors[op.inputs[1]]
        constant = parsed.buffers[weight.buffer].data is not None
        # (out, in) of a FULLY_CONNECTED, (out, height, width, in) of a CONV_2D.
        if constant and is_thick(weight.shape[0], weight.shape[-1]):
            output = graph.tensors[op.outputs[0]].name.decode()
            yield DenseOp(
                kind=kind,
                input=graph.tensors[op.inputs[0]].name.decode(),
                output=output,
                # The last operation's tensor is named after the output of the graph.
                module=module_path(output) or (LAST if op.outputs[0] in graph.outputs else None),
                reads_output=op.inputs[0] in graph.outputs,
            )


Ranges = dict[str, dict[str, NDArray[np.float32]]]


def calibrate(model: bytes, ops: Sequence[DenseOp], inputs: Sequence[Input]) -> Ranges:
    """Ranges of the inputs and outputs of these operations, measured on the float file.

    Each is clipped where 8-bit rounding of a fixed sample of the tensor's values, and of its exact
    extremes, has the least squared error.
    """
    with warnings.catch_warnings():
        # It warns that a delegate may hide tensors: XNNPACK then takes operations one by one and
        # hides none, and is five times faster than the builtin kernels.
        warnings.simplefilter("ignore")
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


_FLOAT16 = qtyping.OpQuantizationConfig(
    weight_tensor_config=qtyping.TensorQuantizationConfig(
        num_bits=16, dtype=qtyping.TensorDataType.FLOAT
    ),
    compute_precision=qtyping.ComputePrecision.FLOAT,
    explicit_dequantize=True,
)

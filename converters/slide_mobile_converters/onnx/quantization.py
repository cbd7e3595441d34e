"""Numeric formats of an ONNX model: fp16 throughout, or int8 (QDQ) where it is faster.

As on the other targets, dense layers with enough channels (`recipes.is_quantizable`) become int8.
Activations are uint8; weights are int8 with one scale a channel. On x86-64, ONNX Runtime 1.31 turns
all 77 chosen convolutions of slide_swin_tiny into QLinearConv that way. With int8 activations it
would turn 25 of them, and one run would take 143 ms instead of 100 (fp32 took 117).
"""

import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto
from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.calibrate import TensorData, TensorsData, save_tensors_data
from onnxruntime.quantization.onnx_model import ONNXModel
from onnxruntime.transformers.float16 import convert_float_to_float16

from slide_mobile.preprocess import planar
from slide_mobile.recipes import is_quantizable
from slide_mobile.targets.calibration import sample
from slide_mobile.targets.converter import Request, require_quantized
from slide_mobile_converters.onnx.lowering import checked
from slide_mobile_converters.onnx.probe import watched
from slide_mobile_converters.onnx.reading import module_path

# Share of the values inside a range. Measured, in dB, on demo / slide_swin_test / slide_swin_tiny:
# 99.99 % 35.9 / 32.4 / 28.0; all values (MinMax) 34.4 / 31.0 / 28.1; 99.9 % 32.9 / 31.4 / 26.1;
# clipping with the least squared error 34.8 / 32.4 / 27.8. ONNX Runtime's own percentile calibrator
# reaches 36.5 on the demo, but keeps three times as many tensors of all images in memory at once.
COVERED = 0.9999

Input = NDArray[np.float32]

_DENSE = ("Conv", "Gemm", "MatMul")


def in_format(model: ModelProto, request: Request) -> ModelProto:
    """The fp32 model in the recipe's numeric format; fp32 is returned as it is.

    Raises ValueError for a float module that the recipe leaves in float anyway.
    """
    if request.recipe.weights == "float32":
        return model
    if request.recipe.weights == "float16":
        return to_float16(model)
    return to_int8(model, [planar(image) for image in request.calibration], request.float_modules)


def to_float16(model: ModelProto) -> ModelProto:
    """The model in fp16, except for its input and its outputs."""
    half = ModelProto()
    half.CopyFrom(model)
    # The default list keeps Max and Min in fp32, for runtimes older than opset 20.
    half = convert_float_to_float16(half, keep_io_types=True, op_block_list=[])
    ONNXModel(half).topological_sort()  # the converter appends casts behind their readers
    return checked(half)


def to_int8(
    model: ModelProto, calibration: Sequence[Input], float_modules: Collection[str] = ()
) -> ModelProto:
    """The model with QuantizeLinear and DequantizeLinear around its quantizable operations."""
    every = list(dense_nodes(model))
    require_quantized(float_modules, {module_path(node) for node in every})
    nodes = [node for node in every if module_path(node) not in float_modules]
    ranges = TensorsData(CalibrationMethod.MinMax, measure(model, nodes, calibration))
    source = ModelProto()
    source.CopyFrom(model)  # quantize_static moves the weights out of the model it is given
    # Says that shapes are inferred. Without it `logging.warning` sets up the root logger.
    source.metadata_props.add(key="onnx.quant.pre_process", value="onnxruntime.quant")
    with tempfile.TemporaryDirectory() as folder:
        cache, path = Path(folder, "ranges.json"), Path(folder, "model.onnx")
        save_tensors_data(ranges, cache)
        quantize_static(
            source,
            path,
            calibration_cache_path=cache,
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(_DENSE),
            nodes_to_quantize=[node.name for node in nodes],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        return checked(onnx.load(path))


def dense_nodes(model: ModelProto) -> Iterator[NodeProto]:
    """The convolutions and products with constant weights that int8 recipes quantize."""
    shapes = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type not in _DENSE or (shape := shapes.get(node.input[1])) is None:
            continue
        grouped = any(a.name == "group" and a.i != 1 for a in node.attribute)
        if not grouped and is_quantizable(*shape[:2]):
            yield node


def measure(
    model: ModelProto, nodes: Sequence[NodeProto], inputs: Sequence[Input]
) -> Mapping[str, TensorData]:
    """Ranges of the inputs and outputs of these operations, measured on the fp32 model.

    A fixed random sample of each tensor is taken for each image; the share `COVERED` of all samples
    lies in the range.
    """
    names = sorted({name for node in nodes for name in (node.input[0], node.output[0])})
    run = watched(model, names)
    draw = np.random.default_rng(0)
    kept: dict[str, list[NDArray[np.float32]]] = {name: [] for name in names}
    for values_in in inputs:
        for name, values in run(values_in).items():
            kept[name].append(sample(np.asarray(values, np.float32), draw))
    return {name: _range(np.concatenate(values)) for name, values in kept.items()}


def _range(x: NDArray[np.float32]) -> TensorData:
    low, high = np.quantile(x, [(1 - COVERED) / 2, (1 + COVERED) / 2])
    return TensorData(lowest=np.float32(low), highest=np.float32(high))

"""Look inside a .onnx: the output of each convolution and linear, and its int8 range."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto
from onnxruntime import SessionOptions

from slide_mobile.preprocess import Pixels, planar
from slide_mobile.targets.graph import int8_range
from slide_mobile_converters.onnx import rounding, running
from slide_mobile_converters.onnx.reading import ERRORS, INPUT, damaged, module_path, read

Input = NDArray[np.float32]  # (1, 3, H, W)
Values = dict[str, NDArray[np.generic]]


def activations(path: Path, image: Pixels) -> dict[str, NDArray[np.float32]]:
    """Outputs of convolutions and linears by module path, channels last, dequantized.

    They are added to the outputs of the model. In an int8 file the dequantized tensors are added:
    with the tensor between a convolution and its QuantizeLinear as an output, ONNX Runtime would
    run the convolution in float. An fp16 file is run as `half_runner` runs it.
    """
    model = read(path)
    tensors = _module_outputs(model)
    half = rounding.is_half(model)
    watching = rounding.rounded(model) if half else model
    options = rounding.options() if half else None
    try:
        found = watched(watching, list(tensors.values()), options)(planar(image))
    except ERRORS as error:
        raise damaged(path, error) from error
    maps = {name for node in model.graph.node if node.op_type == "Conv" for name in node.output}
    return {
        module: _channels_last(found[name].astype(np.float32), is_map=module in maps)
        for module, name in tensors.items()
    }


def ranges(path: Path) -> dict[str, tuple[float, float]]:
    """(lowest, highest) value of the int8 outputs of convolutions and linears, by module path."""
    model = read(path)
    values = {tensor.name: tensor for tensor in model.graph.initializer}
    readers = {n.input[0]: n for n in model.graph.node if n.op_type == "QuantizeLinear"}
    found = {}
    for module in _module_outputs(model):
        quantize = readers.get(module)
        if quantize is None or not all(name in values for name in quantize.input[1:3]):
            continue
        scale, zero = (onnx.numpy_helper.to_array(values[name]) for name in quantize.input[1:3])
        if zero.dtype in (np.int8, np.uint8) and zero.size == 1:
            lowest = int(np.iinfo(zero.dtype).min)
            found[module] = int8_range(scale.item(), zero.item(), lowest=lowest)
    return found


def watched(
    model: ModelProto, names: Sequence[str], options: SessionOptions | None = None
) -> Callable[[Input], Values]:
    """A function from an input to the values of these tensors, by ONNX Runtime."""
    watching = ModelProto()
    watching.CopyFrom(model)
    given = {output.name for output in model.graph.output}
    for name in names:
        if name not in given and name != INPUT:
            watching.graph.output.add(name=name)
    session = running.session(watching.SerializeToString(), options)
    asked = [name for name in names if name != INPUT]

    def run(image: Input) -> Values:
        found = dict(zip(asked, session.run(asked, {INPUT: image}), strict=True))
        return {name: image if name == INPUT else found[name] for name in names}

    return run


def _module_outputs(model: ModelProto) -> dict[str, str]:
    """The tensor to read for each dense module, by module path.

    lowering.py gives the output of a module its path as its name.
    """
    produced = {name for node in model.graph.node for name in node.output}
    readers = {node.input[0]: node for node in reversed(model.graph.node) if node.input}
    tensors = {}
    for node in model.graph.node:
        module = module_path(node)
        if module not in produced:
            continue
        tensors[module] = module
        quantize = readers.get(module)
        if quantize is not None and quantize.op_type == "QuantizeLinear":
            tensors[module] = readers[quantize.output[0]].output[0]
    return tensors


def _channels_last(values: NDArray[np.float32], *, is_map: bool) -> NDArray[np.float32]:
    """(1, C, H, W) of a convolution -> (1, H, W, C); the output of a linear is so already."""
    return values.transpose(0, 2, 3, 1) if is_map else values

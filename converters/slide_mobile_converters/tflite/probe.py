"""Look inside a .tflite: the output of each convolution and linear, and its int8 range."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import OpResolverType
from numpy.typing import NDArray

from slide_mobile.preprocess import Pixels
from slide_mobile.targets.graph import int8_range
from slide_mobile_converters.tflite import reading, rounding

LAST = "the last dense module"

_DENSE = {"CONV_2D", "FULLY_CONNECTED"}


def activations(path: Path, image: Pixels) -> dict[str, NDArray[np.float32]]:
    """Outputs of convolutions and linears by module path, dequantized.

    LiteRT's builtin kernels compute them, because a delegate does not give out inner tensors. An
    fp16 file is run as `half_runner` runs it.
    """
    interpreter = reading.load_content(
        rounding.as_declared(path),
        path,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )
    with reading.artifact_errors(path):
        (image_input,) = interpreter.get_input_details()
        interpreter.set_tensor(image_input["index"], image[None].astype(np.float32))
        interpreter.invoke()
    details = {t["index"]: t for t in interpreter.get_tensor_details()}
    found = {}
    for op in interpreter._get_ops_details():
        if op["op_name"] not in _DENSE:
            continue
        tensor = details[op["outputs"][0]]
        if module := module_path(tensor["name"]):
            found[module] = _dequantized(interpreter.get_tensor(tensor["index"]), tensor)
    return found


def ranges(path: Path) -> dict[str, tuple[float, float]]:
    """(lowest, highest) value of the int8 outputs of convolutions and linears, by module path."""
    interpreter = reading.load(
        path, experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    )
    details = {t["index"]: t for t in interpreter.get_tensor_details()}
    found = {}
    for op in interpreter._get_ops_details():
        tensor = details[op["outputs"][0]]
        scale, zero = tensor["quantization"]
        module = module_path(tensor["name"]) if op["op_name"] in _DENSE else None
        if module and scale and tensor["dtype"] is np.int8:
            found[module] = int8_range(scale, zero)
    return found


def module_path(tensor_name: str) -> str | None:
    """Path of the torch module whose output a tensor is, or None if it is not one."""
    last = tensor_name.split(";")[0].rpartition("/")[2]
    return running(tensor_name) if last.startswith("torch.nn.modules.") else None


def running(tensor_name: str) -> str:
    """Path of the innermost module, torch's or ours, that was running when a tensor was computed.

    litert-torch names a tensor after the stack of running modules: `package.Class_attribute`,
    joined by "/". A container that is only indexed is not in the name.
    """
    parts = tensor_name.split(";")[0].split("/")[2:]  # without our wrapper and the model
    return ".".join(part.rpartition(".")[2].partition("_")[2] for part in parts)


def _dequantized(values: NDArray[Any], tensor: Mapping[str, Any]) -> NDArray[np.float32]:
    quantization = tensor["quantization_parameters"]
    if not quantization["scales"].size:
        return values.astype(np.float32)
    scale, zero = quantization["scales"][0], quantization["zero_points"][0]
    return (values.astype(np.float32) - zero) * scale

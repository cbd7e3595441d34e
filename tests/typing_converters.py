"""For mypy: every converter module fits the protocol, by name, type and signature."""

from slide_mobile.targets.converter import Converter
from slide_mobile_converters import coreai, coreml, executorch, onnx, tflite

CONVERTERS: dict[str, Converter] = {
    "coreai": coreai,
    "coreml": coreml,
    "executorch": executorch,
    "onnx": onnx,
    "tflite": tflite,
}

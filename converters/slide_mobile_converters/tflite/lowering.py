"""An exported program to a float32 .tflite, by litert-torch or by onnx2tf."""

import importlib.util
from collections.abc import Collection
from dataclasses import dataclass

from torch.export import ExportedProgram

from slide_mobile.targets.converter import Request
from slide_mobile_converters.tflite import onnx2tf, probe, reshapes

if importlib.util.find_spec("litert_torch") is None:  # it is imported late; miss it now
    raise ModuleNotFoundError("No module named 'litert_torch'", name="litert_torch")


@dataclass(frozen=True, kw_only=True)
class Lowered:
    """A float32 .tflite, and the request's float modules by the names that the file has."""

    model: bytes
    float_modules: Collection[str]


def lower(program: ExportedProgram, request: Request) -> Lowered:
    """The program as a file, by the exporter that `request.via` names."""
    if request.via == "onnx":
        model, kept = onnx2tf.lower(program, request), request.float_modules
    else:
        names = probe.traced(program, task=request.task)
        model = by_litert(program)
        kept = {names.get(path, path) for path in request.float_modules}
    return Lowered(model=reshapes.at_rank_4(model), float_modules=kept)


def by_litert(program: ExportedProgram) -> bytes:
    """The program as a float32 .tflite, by litert-torch."""
    # Imported here because it takes seconds, and reading or running a file does not need it.
    import litert_torch

    _, kwargs = program.example_inputs
    edge = litert_torch.convert(program.module(), sample_kwargs=kwargs)
    content: bytes = edge.model_content()
    return content

"""Write a .onnx: lower, quantize, describe."""

from pathlib import Path

from torch.export import ExportedProgram

from slide_mobile.targets.converter import Request
from slide_mobile.targets.quiet import quiet

with quiet():
    from slide_mobile_converters.onnx import lowering, metadata, quantization


def write(program: ExportedProgram, request: Request, path: Path) -> None:
    """Lower, quantize, describe and write one file."""
    with quiet():
        model = lowering.lower(program, request)
        model = quantization.in_format(model, request)
        model = metadata.describe(model, request)
        path.write_bytes(model.SerializeToString(deterministic=True))

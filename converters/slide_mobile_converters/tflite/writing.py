"""Write a .tflite: lower, quantize, describe."""

from pathlib import Path

from torch.export import ExportedProgram

from slide_mobile.targets.converter import Request
from slide_mobile.targets.quiet import quiet

with quiet():
    from slide_mobile_converters.tflite import lowering, metadata, quantization


def write(program: ExportedProgram, request: Request, path: Path) -> None:
    """Lower, quantize, describe and write one file."""
    with quiet():
        lowered = lowering.lower(program, request)
        model = quantization.in_format(lowered.model, request, lowered.float_modules)
        path.write_bytes(metadata.attach(model, request))

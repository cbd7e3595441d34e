"""Write a .pte: quantize, describe, lower."""

from pathlib import Path

from torch.export import ExportedProgram

from slide_mobile.targets.converter import Request
from slide_mobile.targets.quiet import quiet

with quiet():
    from slide_mobile_converters.executorch import lowering, metadata, quantization


def write(program: ExportedProgram, request: Request, path: Path, *, dtype: str) -> None:
    """Quantize, describe, lower and write one file with an input of this element type."""
    with quiet():
        program = quantization.in_format(program, request)
        constants = metadata.describe(program, request, dtype=dtype)
        path.write_bytes(lowering.lower(program, request, constants))

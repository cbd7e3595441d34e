"""Write an .aimodel: lower, quantize and compress, describe."""

from pathlib import Path

from torch.export import ExportedProgram

from slide_mobile.targets.converter import Request
from slide_mobile.targets.quiet import quiet

with quiet():
    from slide_mobile_converters.coreai import asset, lowering, metadata


def write(program: ExportedProgram, request: Request, path: Path) -> None:
    """Write an asset for iOS 27 with the logits, or with the maps."""
    with quiet():
        lowered = lowering.lower(program, request)
        asset.write(lowered.program, metadata.describe(request, lowered.modules), path)

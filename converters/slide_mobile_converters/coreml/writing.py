"""Write a .mlpackage: lower and quantize, describe."""

import tempfile
from pathlib import Path

from torch.export import ExportedProgram

from slide_mobile.targets.converter import Request
from slide_mobile.targets.quiet import quiet

with quiet():
    from slide_mobile_converters.coreml import lowering, metadata, package


def write(program: ExportedProgram, request: Request, path: Path) -> None:
    """Write a package for iOS 17 with class label, probabilities and logits, or with the maps."""
    with tempfile.TemporaryDirectory() as scratch:
        lowered = lowering.lower(program, request, Path(scratch) / f"model{path.suffix}")
        metadata.describe(lowered.spec, request, lowered.modules)
        package.write(lowered.spec, lowered.weights, path)

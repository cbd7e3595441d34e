"""An exported program, in its final numeric format, to the bytes of a .pte."""

from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.exir import to_edge_transform_and_lower
from torch.export import ExportedProgram

from slide_mobile.targets.converter import Request
from slide_mobile.targets.registry import needs_toolchain
from slide_mobile_converters.executorch.metadata import Constants


def lower(program: ExportedProgram, request: Request, constants: Constants) -> bytes:
    """A .pte with as much as possible in the delegate of `request.backend`.

    `constants` are the methods that return metadata. Raises ToolchainMissing for Core ML's delegate
    without coremltools.
    """
    if request.backend == "coreml":
        with needs_toolchain("executorch"):  # XNNPACK needs no coremltools, which takes seconds
            from slide_mobile_converters.executorch import coreml_delegate
        return coreml_delegate.lower(program, request.recipe, constants)
    return by_xnnpack(program, constants)


def by_xnnpack(program: ExportedProgram, constants: Constants) -> bytes:
    """A .pte with as much as possible in XNNPACK delegates."""
    edge = to_edge_transform_and_lower(
        program, partitioner=[XnnpackPartitioner()], constant_methods=constants
    )
    return bytes(edge.to_executorch().buffer)

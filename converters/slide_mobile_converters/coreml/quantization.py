"""Static int8 activations: `quantize` and `dequantize` around the layers that compute in int8.

They are written into the exported program, as operations that coremltools' frontend translates to
MIL's own (converters/mil/frontend/torch/quantization_ops.py). The alternatives are worse: the
calibration of coremltools 9 needs Apple's `predict`, and its `_update_tensor_range` keeps only the
range of the last image; torchao's PT2E would quantize additions and pooling too.

Core ML runs a convolution in int8 if its input, weights and output are all quantized (coremltools,
"Quantization Overview"; from A17 Pro and M4 on). Ranges are symmetric, which is the default of
`linear_quantize_activations`, because a zero point costs the kernels a correction.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.ao.quantization.fx import _decomposed  # noqa: F401  registers quantized_decomposed
from torch.export import ExportedProgram
from torch.fx import Interpreter, Node

from slide_mobile.recipes import is_quantizable
from slide_mobile.targets.calibration import clipped, sample_and_extremes

_DENSE = {torch.ops.aten.conv2d.default, torch.ops.aten.linear.default}
_GROUPS = 6  # position of `groups` among the arguments of aten.conv2d


@dataclass(frozen=True, kw_only=True)
class Grid:
    """The 8-bit values that a tensor is rounded to: low..high times the scale, no zero point."""

    scale: float
    low: int
    high: int

    @property
    def arguments(self) -> tuple[float, int, int, int, torch.dtype]:
        """The arguments of the quantized_decomposed operations."""
        return self.scale, 0, self.low, self.high, torch.int8 if self.low < 0 else torch.uint8


def dense(program: ExportedProgram) -> Iterator[Node]:
    """Ungrouped convolutions and linears whose weights are parameters, in execution order."""
    parameters = program.graph_signature.inputs_to_parameters
    for node in program.graph.nodes:
        grouped = len(node.args) > _GROUPS and node.args[_GROUPS] != 1
        if node.target in _DENSE and not grouped and operand(node, 1).name in parameters:
            yield node


def operand(node: Node, index: int) -> Node:
    """The argument of a node at this index, which must be a tensor."""
    tensor = node.args[index]
    assert isinstance(tensor, Node)
    return tensor


def quantizable(program: ExportedProgram) -> Iterator[Node]:
    """The dense nodes that int8 recipes quantize, in execution order."""
    for node in dense(program):
        if is_quantizable(*operand(node, 1).meta["val"].shape[:2]):
            yield node


def quantize_activations(
    program: ExportedProgram, images: Sequence[Tensor], *, keep: Collection[str] = ()
) -> None:
    """Quantize the inputs and outputs of the quantizable nodes, in place.

    The ranges are measured on `images`, which are inputs of the program. Nodes named in `keep` stay
    in float. So does the output of the last dense node: rounded logits would tie, and no operation
    reads them in int8.
    """
    last = list(dense(program))[-1]
    readers = [node for node in quantizable(program) if node.name not in keep]
    writers = {node for node in readers if node is not last}
    tensors = dict.fromkeys([*(operand(node, 0) for node in readers), *writers])
    grids = {
        name: fit(values)
        for name, values in sample(program, [t.name for t in tensors], images).items()
    }
    for tensor in tensors:
        users = [user for user in tensor.users if tensor in writers or user in readers]
        rounded = _rounded(program, tensor, grids[tensor.name])
        for user in users:
            user.replace_input_with(tensor, rounded)
    program.graph.lint()


def sample(
    program: ExportedProgram, names: Collection[str], images: Sequence[Tensor]
) -> dict[str, NDArray[np.float32]]:
    """For each named tensor, a sample of its values and the extremes, of all images together."""
    recorder = _Recorder(program.module(check_guards=False), names)
    for image in images:
        recorder.run(image)
    return {name: np.concatenate(values) for name, values in recorder.kept.items()}


def fit(x: NDArray[np.float32]) -> Grid:
    """The grid on which rounding `x` has the least squared error."""
    low, high = clipped(x, symmetric=True)
    low_step, high_step = (-127, 127) if low < 0 else (0, 255)
    return Grid(scale=high / high_step or 1.0, low=low_step, high=high_step)


def _rounded(program: ExportedProgram, tensor: Node, grid: Grid) -> Node:
    """A new node with the tensor's values rounded to the grid."""
    operations, graph = torch.ops.quantized_decomposed, program.graph
    with graph.inserting_after(tensor):
        eight_bit = graph.call_function(
            operations.quantize_per_tensor.default, (tensor, *grid.arguments)
        )
    with graph.inserting_after(eight_bit):
        rounded: Node = graph.call_function(
            operations.dequantize_per_tensor.default, (eight_bit, *grid.arguments)
        )
    return rounded


class _Recorder(Interpreter):
    """Runs a program and keeps a fixed random sample of some of its tensors."""

    def __init__(self, module: torch.fx.GraphModule, names: Collection[str]) -> None:
        super().__init__(module)
        self.kept: dict[str, list[NDArray[np.float32]]] = {name: [] for name in names}
        self.draw = np.random.default_rng(0)

    @torch.no_grad()
    def run_node(self, n: Node) -> Any:
        """Run one node, and keep a sample of its result."""
        value = super().run_node(n)
        if n.name in self.kept:
            self.kept[n.name].append(sample_and_extremes(value.numpy(), self.draw))
        return value

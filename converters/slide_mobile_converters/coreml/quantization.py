"""Static int8 activations: `quantize` and `dequantize` around what the int8 kernels take.

Written into the exported program, in the operations that coremltools' frontend reads as MIL's own
(converters/mil/frontend/torch/quantization_ops.py). coremltools 9's own calibration needs Apple's
`predict`, and its `_update_tensor_range` keeps the range of the last image only. torchao's PT2E
would quantise additions and pooling too, and is one more dependency.

Core ML runs a convolution in int8 where its input, its weights and its output are quantised
(coremltools, "Quantization Overview", from A17 Pro and M4 on). Ranges are symmetric, as
`linear_quantize_activations` makes them by default: a zero point costs the kernels a correction.
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

from slide_mobile.recipes import is_thick
from slide_mobile.targets.calibration import clipped, sample_and_extremes

_DENSE = {torch.ops.aten.conv2d.default, torch.ops.aten.linear.default}
_GROUPS = 6  # position of `groups` among the arguments of aten.conv2d


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Eight-bit values of a tensor: low..high times the scale; zero is zero."""

    scale: float
    low: int
    high: int

    @property
    def arguments(self) -> tuple[float, int, int, int, torch.dtype]:
        """As the quantized_decomposed operations take them."""
        return self.scale, 0, self.low, self.high, torch.int8 if self.low < 0 else torch.uint8


def dense(program: ExportedProgram) -> Iterator[Node]:
    """The convolutions (ungrouped) and linears whose weights are parameters, in order."""
    parameters = program.graph_signature.inputs_to_parameters
    for node in program.graph.nodes:
        grouped = len(node.args) > _GROUPS and node.args[_GROUPS] != 1
        if node.target in _DENSE and not grouped and operand(node, 1).name in parameters:
            yield node


def operand(node: Node, index: int) -> Node:
    """The tensor among the arguments of a node."""
    tensor = node.args[index]
    assert isinstance(tensor, Node)
    return tensor


def thick(program: ExportedProgram) -> Iterator[Node]:
    """The dense operations with enough channels on both sides, in order."""
    for node in dense(program):
        if is_thick(*operand(node, 1).meta["val"].shape[:2]):
            yield node


def quantize_activations(
    program: ExportedProgram, images: Sequence[Tensor], *, keep: Collection[str] = ()
) -> None:
    """Quantise what enters and leaves the thick dense operations, in place.

    `images` holds inputs of the program, from which the ranges are taken; operations whose nodes
    are named in `keep` stay as they are. The last operation keeps its output in float: rounded
    logits would tie, and nothing reads them in int8.
    """
    last = list(dense(program))[-1]
    readers = [node for node in thick(program) if node.name not in keep]
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
    """Values of the named tensors over all images: a sample of each image, and its extremes."""
    recorder = _Recorder(program.module(check_guards=False), names)
    for image in images:
        recorder.run(image)
    return {name: np.concatenate(values) for name, values in recorder.kept.items()}


def fit(x: NDArray[np.float32]) -> Grid:
    """The grid whose clipping point gives the least squared error of rounding `x`."""
    low, high = clipped(x, symmetric=True)
    low_step, high_step = (-127, 127) if low < 0 else (0, 255)
    return Grid(scale=high / high_step or 1.0, low=low_step, high=high_step)


def _rounded(program: ExportedProgram, tensor: Node, grid: Grid) -> Node:
    """A node that holds the tensor's values rounded to the grid."""
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
    """Runs a program and keeps a fixed sample of some of its tensors."""

    def __init__(self, module: torch.fx.GraphModule, names: Collection[str]) -> None:
        super().__init__(module)
        self.kept: dict[str, list[NDArray[np.float32]]] = {name: [] for name in names}
        self.draw = np.random.default_rng(0)

    @torch.no_grad()
    def run_node(self, n: Node) -> Any:
        """Run one node, and keep a sample of what it computes."""
        value = super().run_node(n)
        if n.name in self.kept:
            self.kept[n.name].append(sample_and_extremes(value.numpy(), self.draw))
        return value

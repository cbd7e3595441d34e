"""Operations and tensors of a Core AI program as plain values, and the edits that we make to one.

Apple's public classes build a program and do not walk one, so this file alone reaches below them,
to the MLIR bindings (coreai-core 1.0.0b3, which coreai-torch 0.4.3 pins).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import coreai.authoring  # noqa: F401  first: the bindings import it in a circle otherwise
import numpy as np
from coreai._compiler._mlir_libs._coreaiIR._bindings.compiler import copy_constant_value_to_array
from coreai._compiler.ir import DenseResourceElementsAttr, RankedTensorType
from numpy.typing import NDArray

ENTRY = "main"  # what coreai-torch calls the graph
CONSTANT = "coreai.constant"
_PREFIXES = ("coreai.decomposable.", "coreai.")


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """Shape and element type, in Core AI's words (f16, si8, ui4); a flexible length is -1."""

    shape: tuple[int, ...]
    dtype: str

    @property
    def bits(self) -> int:
        """Bits of an element."""
        return int(self.dtype.lstrip("abcdefghijklmnopqrstuvwxyz") or 0)


@dataclass(frozen=True, kw_only=True)
class Operation:
    """`inputs` are the indices of the operations that made them; None for the graph's input."""

    type: str
    inputs: tuple[int | None, ...]
    outputs: tuple[Tensor, ...]


def graphs(program: Any) -> list[Any]:
    """The operations at the top level of a program: one graph, in a program of ours."""
    return list(program._module._mlir_module.body.operations)


def raw(program: Any) -> list[Any]:
    """The operations of a program's only graph, in order, as MLIR's own objects."""
    (graph,) = graphs(program)
    return list(graph.bodyRegion.blocks[0].operations)


def read(program: Any) -> tuple[Operation, ...]:
    """The operations of a program's only graph, in order; raises ValueError for no tensors."""
    found: list[Operation] = []
    makers: dict[Any, int] = {}
    for index, operation in enumerate(raw(program)):
        makers |= dict.fromkeys(operation.results, index)
        found.append(
            Operation(
                type=_type(operation.name),
                inputs=tuple(makers.get(value) for value in operation.operands),
                outputs=tuple(_tensor(value) for value in operation.results),
            )
        )
    return tuple(found)


def values(constant: Any) -> NDArray[np.uint8]:
    """The bytes of a constant's elements, packed where an element has fewer than 8 bits."""
    tensor = _tensor(constant.results[0])
    found = np.zeros(-(-prod(tensor.shape) * tensor.bits // 8), np.uint8)
    copy_constant_value_to_array(constant_op=constant, destination=found)
    return found


def name_constants(program: Any) -> None:
    """Name large constants by their place, in place.

    Apple's names are hashes with a seed that each process draws anew, and so would the file be.
    """
    for index, operation in enumerate(raw(program)):
        if operation.name != CONSTANT:
            continue
        if DenseResourceElementsAttr.isinstance(operation.attributes["value"]):
            operation.attributes["value"] = DenseResourceElementsAttr.get_from_buffer(
                values(operation), f"constant_{index}", operation.results[0].type,
                context=operation.context,
            )  # fmt: skip


def give_out(program: Any, outputs: Mapping[str, int]) -> None:
    """Make the results of operations, by index, the only outputs of a program, in place."""
    (graph,) = graphs(program)
    every = raw(program)
    results = {name: every[index].results[0] for name, index in outputs.items()}
    every[-1].operation.erase()  # what gave out the logits
    with graph.location:
        graph.set_outputs_spec_from_dict(results)


def _type(name: str) -> str:
    for prefix in _PREFIXES:
        if name.startswith(prefix):
            return name.removeprefix(prefix)
    return name


def _tensor(value: Any) -> Tensor:
    if not isinstance(value.type, RankedTensorType):
        raise ValueError(f"it has a value of type {value.type}, which is no tensor of fixed rank")
    static = value.type.has_static_shape
    shape = value.type.shape if static else [-1] * value.type.rank
    return Tensor(shape=tuple(shape), dtype=str(value.type.element_type))

"""An exported program as an fp32 ONNX model, with the module paths of PyTorch as names.

torch's exporter leaves a stack trace with the exporting machine's paths, the FX node and the whole
graph signature in each node's metadata: none of that belongs in a file that ships, and the same
program exported elsewhere would give other bytes. All of it goes; what stays is a name. A node is
called `<module path>/<operator>`, and the output of a convolution or linear is called by its module
path alone. Quantisation and fp16 conversion keep both names.
"""

import ast
import contextlib
import itertools
import logging
import warnings
from collections.abc import Iterator, Sequence

import onnx
from onnx import ModelProto, NodeProto
from torch.export import ExportedProgram

from slide_mobile.tasks import LOGITS, deployed_path

# The first with Gelu, for which ONNX Runtime has one kernel since 1.17. Below it the exporter
# writes x * (0.5 * (1 + erf(...))), an order that ONNX Runtime 1.31 does not fuse: 1.14 times the
# latency on slide_swin_tiny.
OPSET = 20
# Of the ONNX release that brought opset 20 (1.15); the exporter writes 10, which needs 1.18.
IR_VERSION = 9
INPUT = "image"

_DENSE_CLASSES = ("torch.nn.modules.conv.Conv2d", "torch.nn.modules.linear.Linear")


def lower(program: ExportedProgram, outputs: Sequence[str] = (LOGITS,)) -> ModelProto:
    """The program as one fp32 model: input `image`, outputs named, no functions, all inside."""
    with warnings.catch_warnings(), _quiet_exporter():
        warnings.simplefilter("ignore")
        # Imported here: it takes seconds, and reading or running a file does not need it.
        import torch.onnx

        exported = torch.onnx.export(
            program, opset_version=OPSET, output_names=list(outputs), verbose=False
        )
    assert exported is not None
    model = exported.model_proto
    assert not model.functions and {opset.domain for opset in model.opset_import} == {""}
    _name_by_modules(model)
    return checked(model)


def checked(model: ModelProto) -> ModelProto:
    """The model with inferred shapes and nothing else beside its graph, found valid by onnx."""
    clean = ModelProto()
    clean.CopyFrom(model)
    clean.ir_version = IR_VERSION
    del clean.metadata_props[:], clean.graph.metadata_props[:], clean.graph.value_info[:]
    graph = clean.graph
    for part in (*graph.node, *graph.initializer, *graph.input, *graph.output):
        part.doc_string = ""
        del part.metadata_props[:]
    clean = onnx.shape_inference.infer_shapes(clean, check_type=True, strict_mode=True)
    onnx.checker.check_model(clean, full_check=True)
    return clean


def module_path(node: NodeProto) -> str:
    """Path of the torch module that a node of a lowered model belongs to."""
    return node.name.rpartition("/")[0]


def _name_by_modules(model: ModelProto) -> None:
    """Give nodes, and the outputs of dense modules, the names that the module docstring says."""
    last: dict[str, NodeProto] = {}
    taken: set[str] = set()
    for node in model.graph.node:
        path, dense = _module(node)
        name = f"{path}/{node.op_type}"
        node.name = next(
            n for n in itertools.chain([name], (f"{name}_{i}" for i in itertools.count(2)))
            if n not in taken
        )  # fmt: skip
        taken.add(node.name)
        if dense:
            last[path] = node
    outputs = {output.name for output in model.graph.output}
    renamed = {n.output[0]: path for path, n in last.items() if n.output[0] not in outputs}
    for node in model.graph.node:
        for names in (node.input, node.output):
            names[:] = [renamed.get(name, name) for name in names]


def _module(node: NodeProto) -> tuple[str, bool]:
    """Path of the torch module that a node belongs to, and whether it is a dense one.

    The exporter records the stack of module paths and of their classes, outermost first, and ends
    both with the FX node itself (torch.onnx, 2.13).
    """
    properties = {entry.key: entry.value for entry in node.metadata_props}
    paths = ast.literal_eval(properties.get("pkg.torch.onnx.name_scopes", "['', '']"))
    classes = ast.literal_eval(properties.get("pkg.torch.onnx.class_hierarchy", "['', '']"))
    grouped = any(a.name == "group" and a.i != 1 for a in node.attribute)
    return deployed_path(paths[-2]), classes[-2] in _DENSE_CLASSES and not grouped


@contextlib.contextmanager
def _quiet_exporter() -> Iterator[None]:
    """It logs that torchvision is absent, which no model here needs."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)

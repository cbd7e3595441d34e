"""An exported program to an fp32 ONNX model with PyTorch's module paths as names.

torch's exporter writes a stack trace with paths of this machine, the FX node and the whole graph
signature into the metadata of each node. None of that belongs in a file that ships, and it would
differ from machine to machine, so it is removed. Names remain: a node is called
`<module path>/<operator>`, and the output of a convolution or linear has the module path as its
name. Quantization and the conversion to fp16 keep both names.
"""

import ast
import importlib.util
import itertools

import onnx
from onnx import ModelProto, NodeProto
from torch.export import ExportedProgram

from slide_mobile.targets.converter import Request
from slide_mobile.tasks import deployed_path

if importlib.util.find_spec("onnxscript") is None:  # torch.onnx imports it late; miss it now
    raise ModuleNotFoundError("No module named 'onnxscript'", name="onnxscript")

# The first opset with Gelu, for which ONNX Runtime has a kernel since 1.17. For older opsets the
# exporter writes x * (0.5 * (1 + erf(...))), which ONNX Runtime 1.31 does not fuse in that order:
# slide_swin_tiny then takes 1.14 times as long.
OPSET = 20
# The IR version of ONNX 1.15, which introduced opset 20. The exporter writes 10, and that needs
# ONNX Runtime 1.18.
IR_VERSION = 9

_DENSE_CLASSES = ("torch.nn.modules.conv.Conv2d", "torch.nn.modules.linear.Linear")


def lower(program: ExportedProgram, request: Request) -> ModelProto:
    """The program as an fp32 model with input `image` and the task's outputs, without functions."""
    # Imported here because it takes seconds, and reading or running a file does not need it.
    import torch.onnx

    names = list(request.outputs)
    exported = torch.onnx.export(program, opset_version=OPSET, output_names=names, verbose=False)
    assert exported is not None
    model = exported.model_proto
    assert not model.functions and {opset.domain for opset in model.opset_import} == {""}
    _name_by_modules(model)
    return checked(model)


def checked(model: ModelProto) -> ModelProto:
    """The model with inferred shapes, without metadata; raises onnx's errors if invalid."""
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


def _name_by_modules(model: ModelProto) -> None:
    """Rename nodes and the outputs of dense modules as the docstring above says, in place."""
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
    """Path of the module that a node belongs to, and whether that is a dense one.

    The exporter records the stacks of module paths and of module classes, outermost first. Both end
    with the FX node itself (torch.onnx, 2.13).
    """
    properties = {entry.key: entry.value for entry in node.metadata_props}
    paths = ast.literal_eval(properties.get("pkg.torch.onnx.name_scopes", "['', '']"))
    classes = ast.literal_eval(properties.get("pkg.torch.onnx.class_hierarchy", "['', '']"))
    grouped = any(a.name == "group" and a.i != 1 for a in node.attribute)
    return deployed_path(paths[-2]), classes[-2] in _DENSE_CLASSES and not grouped

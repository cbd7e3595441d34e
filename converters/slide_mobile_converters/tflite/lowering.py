"""An exported program to a float32 .tflite, by litert-torch or by onnx2tf."""

import hashlib
import importlib.util
from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch.export import ExportedProgram

from slide_mobile.targets.converter import Request
from slide_mobile.tasks import Task
from slide_mobile_converters.tflite import onnx2tf, reshapes
from slide_mobile_converters.tflite.probe import LAST

if importlib.util.find_spec("litert_torch") is None:  # it is imported late; miss it now
    raise ModuleNotFoundError("No module named 'litert_torch'", name="litert_torch")


_KEPT = 2  # files: fp16 may have other forms of attention than fp32 and int8 share
_lowered: dict[str, bytes] = {}
_PRODUCTS = {torch.ops.aten.conv2d.default, torch.ops.aten.linear.default}


@dataclass(frozen=True, kw_only=True)
class Lowered:
    """A float32 .tflite, and the request's float modules by the names that the file has."""

    model: bytes
    float_modules: Collection[str]


def lower(program: ExportedProgram, request: Request) -> Lowered:
    """The program as a file, by the exporter that `request.via` names."""
    if request.via == "onnx":
        model, kept = onnx2tf.lower(program, request), request.float_modules
    else:
        known = names(program, task=request.task)
        model = by_litert(program)
        kept = {known.get(path, path) for path in request.float_modules}
    return Lowered(model=reshapes.at_rank_4(model), float_modules=kept)


def by_litert(program: ExportedProgram) -> bytes:
    """The program as a float32 .tflite, by litert-torch.

    It takes most of a conversion's time, so the last files are kept: the precisions of a model, and
    attempts that leave other modules in float, begin with the same one.
    """
    key = fingerprint(program)
    if key not in _lowered:
        while len(_lowered) >= _KEPT:
            del _lowered[next(iter(_lowered))]
        _lowered[key] = _converted(program)
    return _lowered[key]


def _converted(program: ExportedProgram) -> bytes:
    # Imported here because it takes seconds, and reading or running a file does not need it.
    import litert_torch

    _, kwargs = program.example_inputs
    edge = litert_torch.convert(program.module(), sample_kwargs=kwargs)
    content: bytes = edge.model_content()
    return content


def fingerprint(program: ExportedProgram) -> str:
    """A digest of all that the file is made from: operations, modules, names and tensors."""
    digest = hashlib.sha256()
    for node in program.graph.nodes:
        modules = [path for path, _ in node.meta.get("nn_module_stack", {}).values()]
        value = node.meta.get("val")
        kind = (value.dtype, tuple(value.shape)) if isinstance(value, torch.Tensor) else None
        facts = (node.op, node.name, str(node.target), node.args, node.kwargs, modules, kind)
        digest.update(repr(facts).encode())
    digest.update(repr(program.graph_signature).encode())
    for name, tensor in sorted({**program.state_dict, **program.constants}.items()):
        digest.update(repr((name, tensor.dtype, tuple(tensor.shape))).encode())
        # Bytes, because numpy has no bfloat16.
        digest.update(tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def names(program: ExportedProgram, *, task: Task) -> dict[str, str]:
    """The name of each module in the file that litert-torch writes, by the path of the module.

    It is what `probe.module_path` returns for the tensor of the module. The last dense module of a
    classifier is called LAST, because its tensor has the name of the graph's output.
    """
    found, last = {}, ""
    for node in program.graph.nodes:
        paths = [path for path, _ in node.meta.get("nn_module_stack", {}).values()]
        if len(paths) > 2:  # the wrapper, the model, and modules inside
            name = ".".join(path.rpartition(".")[2] for path in paths[2:])
            path = paths[-1].removeprefix(f"{paths[1]}.")
            found[path] = name
            last = path if node.target in _PRODUCTS else last
    return found | ({last: LAST} if task == "classify" else {})

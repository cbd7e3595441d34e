"""What a .pte says about itself: methods without arguments that return constants.

ExecuTorch has no other place for metadata. Apps call these methods as they call `forward`
(`module.execute("labels")` in Swift, Kotlin and C++).

    labels        class names, one string each, in the order of the logits; classifiers only
    output_names  "logits", or the names of the maps (channels first) in the order of the outputs
    input_name    "image"
    input_layout  "NCHW"
    input_shape   four integers
    input_dtype   "float32" or "float16"
    input_color   "RGB"
    input_range   0, 255: normalization is inside the model
    name, description, version    one string each
    facts         one string, JSON: further facts about the model
    exporter      version of ExecuTorch that wrote the file; older runtimes may not read it
    modules       for `slide-mobile check`: the module path of each convolution and linear in
                  execution order; empty for an operation that has no module of its own
"""

import json
from collections.abc import Iterator

from executorch.version import __version__
from torch import nn
from torch.export import ExportedProgram
from torch.fx import Node

from slide_mobile.targets.converter import Request
from slide_mobile_converters.executorch import rewrites

RELEASE = __version__.partition("+")[0]
EXPORTER, MODULES, OUTPUTS = "exporter", "modules", "output_names"
Constants = dict[str, str | list[str] | list[int]]  # by the name of the method
_DENSE = {f"{module.__module__}.{module.__qualname__}" for module in (nn.Conv2d, nn.Linear)}


def describe(program: ExportedProgram, request: Request, *, dtype: str) -> Constants:
    """Constants by method name, for `to_edge_transform_and_lower`."""
    (example,) = program.example_inputs[1].values()
    labels = {"labels": list(request.labels)} if request.labels else {}
    return {
        **labels,
        OUTPUTS: list(request.outputs),
        "input_name": "image",
        "input_layout": "NCHW",
        "input_shape": list(example.shape),
        "input_dtype": dtype,
        "input_color": "RGB",
        "input_range": [0, 255],
        "name": request.title,
        "description": request.description,
        "version": request.version,
        "facts": json.dumps(dict(sorted(request.facts.items())), ensure_ascii=False),
        EXPORTER: RELEASE,
        MODULES: list(modules(program)),
    }


def modules(program: ExportedProgram) -> Iterator[str]:
    """Module path of each convolution and linear, in execution order.

    It is empty for a depthwise convolution, and for weights of another kind of module.
    """
    for node in program.graph.nodes:
        if node.op == "call_function" and node.target in {rewrites.CONV, rewrites.LINEAR}:
            yield _module(node)


def _module(node: Node) -> str:
    _, kind = list(node.meta["nn_module_stack"].values())[-1]
    grouped = node.target == rewrites.CONV and rewrites.groups(node) > 1
    return "" if grouped or kind not in _DENSE else rewrites.module_path(node)

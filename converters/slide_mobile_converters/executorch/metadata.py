"""What a .pte says about itself: methods that take nothing and return constants.

ExecuTorch has no place for metadata other than such methods; apps ask for them as for `forward`
(`module.execute("labels")` in Swift, Kotlin and C++).

    labels        class names, a string each, in the order of the logits; of a classifier only
    output_names  "logits"; or the names of the maps, channels first, in the order of the outputs
    input_name    "image"
    input_layout  "NCHW"
    input_shape   four integers
    input_dtype   "float32" or "float16"
    input_color   "RGB"
    input_range   0, 255: normalisation is inside the model
    name, description, version    a string each
    facts         one string, JSON: what else is known about the model
    exporter      version of ExecuTorch that wrote the file; no older runtime promises to read it
    modules       for `slide-mobile check`: the torch module of each convolution and linear in
                  execution order, empty where an operation has no module of its own
"""

import json
from collections.abc import Sequence
from typing import Any

from executorch.version import __version__

from slide_mobile.targets.converter import Request
from slide_mobile.tasks import output_names

RELEASE = __version__.partition("+")[0]
EXPORTER, MODULES, OUTPUTS = "exporter", "modules", "output_names"


def describe(
    request: Request, *, shape: Sequence[int], dtype: str, modules: Sequence[str]
) -> dict[str, Any]:
    """Constants by method name, for `to_edge_transform_and_lower`."""
    labels = {"labels": list(request.labels)} if request.labels else {}
    return {
        **labels,
        OUTPUTS: list(output_names(request.task)),
        "input_name": "image",
        "input_layout": "NCHW",
        "input_shape": list(shape),
        "input_dtype": dtype,
        "input_color": "RGB",
        "input_range": [0, 255],
        "name": request.title,
        "description": request.description,
        "version": request.version,
        "facts": json.dumps(dict(sorted(request.facts.items())), ensure_ascii=False),
        EXPORTER: RELEASE,
        MODULES: list(modules),
    }

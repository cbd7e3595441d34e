"""int8 in the exported program: which operations change, and the ranges they get.

Only thick dense convolutions and linears (`recipes.is_thick`) are quantised: XNNPACK's int8 makes
dense products faster and nothing else. torchao's PT2E flow inserts the quantize and dequantize
nodes around the annotated ones. XNNPACKQuantizer is not used, because it also annotates depthwise
convolutions, and spreads int8 over the reshapes behind.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.export import ExportedProgram
from torch.fx import GraphModule, Node
from torchao.quantization.pt2e import (
    HistogramObserver,
    PerChannelMinMaxObserver,
    PlaceholderObserver,
)
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
from torchao.quantization.pt2e.quantizer import (
    QuantizationAnnotation,
    QuantizationSpec,
    Quantizer,
)

from slide_mobile.recipes import is_thick
from slide_mobile.targets.converter import require_found
from slide_mobile_converters.executorch.rewrites import (
    CONV,
    LINEAR,
    groups,
    linears_behind_reshapes,
    linears_on_rows,
    module_path,
    pads_next_to_zero,
    siblings_together,
)

# The smallest scale. XNNPACKQuantizer's 2 ** -12 would erase the first convolution, which takes
# pixels of 0..255 and whose weights are that much smaller.
_EPS = 2.0**-40


def quantize(
    program: ExportedProgram,
    *,
    dynamic: bool,
    calibration: Sequence[Tensor],
    float_modules: Collection[str] = (),
) -> ExportedProgram:
    """The program with its dense operations in int8.

    `calibration` holds tensors of the image input's shape; none are needed where `dynamic`. Raises
    ValueError for a float module that would not be quantised.
    """
    _, example = program.example_inputs
    (name,) = example
    model = program.module()
    if dynamic:
        linears_on_rows(model)
        siblings_together(model)
        linears_behind_reshapes(model)
    else:
        pads_next_to_zero(model)
    require_found(float_modules, {module_path(node) for node in dense(model)})
    prepared = prepare_pt2e(model, DenseQuantizer(dynamic=dynamic, float_modules=float_modules))
    with torch.no_grad():
        for image in calibration or (example[name],):  # the weights too are observed by running
            prepared(**{name: image})
    return torch.export.export(convert_pt2e(prepared), (), example)


class DenseQuantizer(Quantizer):  # type: ignore[misc]  # torchao has no stubs
    """Annotates dense convolutions and linears: int8 a channel for weights, a tensor for maps."""

    def __init__(self, *, dynamic: bool, float_modules: Collection[str] = ()) -> None:
        super().__init__()
        self.dynamic, self.float_modules = dynamic, float_modules

    def annotate(self, model: GraphModule) -> GraphModule:
        """Mark the operations that int8 makes faster; returns the argument."""
        maps = _maps(dynamic=self.dynamic)
        for node in dense(model):
            if module_path(node) in self.float_modules:
                continue
            image, weight, *_ = node.args
            assert isinstance(image, Node) and isinstance(weight, Node)
            node.meta["quantization_annotation"] = QuantizationAnnotation(
                input_qspec_map={image: maps, weight: _WEIGHTS},
                output_qspec=None if self.dynamic else maps,
                _annotated=True,
            )
        return model

    def validate(self, model: GraphModule) -> None:
        """Every annotation comes from `annotate`, so there is nothing to refuse."""


def dense(model: GraphModule) -> Iterator[Node]:
    """The convolutions and linears worth quantising, in execution order."""
    for node in model.graph.nodes:
        if node.op != "call_function" or node.target not in {CONV, LINEAR}:
            continue
        weight: Any = node.args[1]
        if groups(node) == 1 and is_thick(*weight.meta["val"].shape[:2]):
            yield node


def _maps(*, dynamic: bool) -> QuantizationSpec:
    observer = PlaceholderObserver if dynamic else HistogramObserver
    return QuantizationSpec(
        dtype=torch.int8,
        quant_min=-128,
        quant_max=127,
        qscheme=torch.per_tensor_affine,
        is_dynamic=dynamic,
        observer_or_fake_quant_ctr=observer.with_args(eps=_EPS),
    )


_WEIGHTS = QuantizationSpec(
    dtype=torch.int8,
    quant_min=-127,
    quant_max=127,
    qscheme=torch.per_channel_symmetric,
    ch_axis=0,
    observer_or_fake_quant_ctr=PerChannelMinMaxObserver.with_args(eps=_EPS),
)

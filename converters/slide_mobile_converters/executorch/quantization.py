"""Numeric formats of the exported program: fp16 throughout, or int8 where it is faster.

Only dense convolutions and linears with enough channels (`recipes.is_quantizable`) become int8:
XNNPACK's int8 kernels make dense products faster and nothing else. torchao's PT2E flow inserts the
quantize and dequantize nodes around the annotated nodes. XNNPACKQuantizer is not used, because it
also annotates depthwise convolutions and the reshapes that follow.
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

from slide_mobile.preprocess import planar
from slide_mobile.recipes import is_quantizable
from slide_mobile.targets.converter import Request, require_quantized
from slide_mobile_converters.executorch import rewrites
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

# The smallest scale. XNNPACKQuantizer's 2 ** -12 would erase the first convolution: it takes pixels
# of 0..255, so its weights are that much smaller.
_EPS = 2.0**-40


def in_format(program: ExportedProgram, request: Request) -> ExportedProgram:
    """The program in the recipe's numeric format; fp32 is returned as it is.

    Raises ValueError for a float module that the recipe leaves in float anyway.
    """
    recipe = request.recipe
    if recipe.weights == "float32":
        return program
    if recipe.weights == "float16":
        apple = request.backend == "coreml"
        return rewrites.half_input(program) if apple else rewrites.half(program)
    images = [torch.from_numpy(planar(image)) for image in request.calibration]
    dynamic = recipe.activations == "int8-dynamic"
    return quantize(
        program, dynamic=dynamic, calibration=images, float_modules=request.float_modules
    )


def quantize(
    program: ExportedProgram,
    *,
    dynamic: bool,
    calibration: Sequence[Tensor],
    float_modules: Collection[str] = (),
) -> ExportedProgram:
    """The program with its dense operations in int8.

    `calibration` holds tensors with the shape of the image input; dynamic int8 needs none.
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
    require_quantized(float_modules, {module_path(node) for node in dense(model)})
    prepared = prepare_pt2e(model, DenseQuantizer(dynamic=dynamic, float_modules=float_modules))
    with torch.no_grad():
        for image in calibration or (example[name],):  # a run observes the weights, too
            prepared(**{name: image})
    return torch.export.export(convert_pt2e(prepared), (), example)


class DenseQuantizer(Quantizer):  # type: ignore[misc]  # torchao has no stubs
    """Annotates dense operations: weights get one scale a channel, activations one a tensor."""

    def __init__(self, *, dynamic: bool, float_modules: Collection[str] = ()) -> None:
        super().__init__()
        self.dynamic, self.float_modules = dynamic, float_modules

    def annotate(self, model: GraphModule) -> GraphModule:
        """Mark the operations to quantize, and return the argument."""
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
        """Do nothing: all annotations come from `annotate`."""


def dense(model: GraphModule) -> Iterator[Node]:
    """The convolutions and linears that int8 recipes quantize, in execution order."""
    for node in model.graph.nodes:
        if node.op != "call_function" or node.target not in {CONV, LINEAR}:
            continue
        weight: Any = node.args[1]
        if groups(node) == 1 and is_quantizable(*weight.meta["val"].shape[:2]):
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

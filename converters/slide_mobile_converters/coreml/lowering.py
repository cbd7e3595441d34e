"""ExportedProgram to MIL for iOS 17: a classifier, or a network whose outputs are maps.

coremltools 9 cannot convert a classifier with a second output of a chosen type in one call: it puts
`classLabel` first and then indexes the list of output types with one entry too many (IndexError in
converters/mil/backend/mil/load.py, `get_func_output`). So the first call converts to MIL, with
logits and probabilities as float32 outputs. The second call makes that a classifier, and runs no
passes but the compression of weights. A network with maps takes the same two calls.

The probabilities are computed in float32, from the float32 logits: `classify` takes them so. And
coremltools moves a cast that nothing uses behind all other operations, but can write a package
again only if `classify` is its last one: its tools for weights would fail on ours.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import coremltools as ct
import numpy as np
import torch
from torch.export import ExportedProgram
from torch.export.graph_signature import OutputKind, OutputSpec, TensorArgument

from slide_mobile.preprocess import planar
from slide_mobile.recipes import Recipe
from slide_mobile.targets.converter import Request, require_quantized
from slide_mobile.targets.quiet import quiet
from slide_mobile.tasks import deployed_path
from slide_mobile_converters.coreml.compression import compression
from slide_mobile_converters.coreml.quantization import (
    dense,
    operand,
    quantizable,
    quantize_activations,
)

IMAGE, LABEL, PROBABILITIES = "image", "classLabel", "probabilities"


@dataclass(frozen=True, kw_only=True)
class Lowered:
    """A specification (protobuf), its folder of weights, and module paths by variable name."""

    spec: Any
    weights: Path
    modules: Mapping[str, str]


def lower(program: ExportedProgram, request: Request, scratch: Path) -> Lowered:
    """Convert a program; the weights are written into the package `scratch`.

    Raises ValueError for a float module that the recipe leaves in float anyway.
    """
    core = decomposed(program)
    paths = module_paths(core)
    keep = kept(core, paths, request.float_modules)
    aliases = variables(core)
    if request.recipe.activations == "int8":
        images = [torch.from_numpy(planar(image)) for image in request.calibration]
        quantize_activations(core, images, keep=keep)
    outputs, config = request.outputs, None
    if request.task == "classify":
        add_probabilities(core)
        outputs = (*outputs, PROBABILITIES)
        config = ct.ClassifierConfig(list(request.labels), LABEL, PROBABILITIES)
    with quiet():
        mil = _to_mil(core, request.recipe, outputs)
        names = {var.name for op in mil.functions["main"].operations for var in op.outputs}
        float_names = {alias for name in keep for alias in aliases[name]} & names
        assert len(float_names) == len(keep), "coremltools names its operations otherwise now"
        model = ct.convert(
            mil,
            minimum_deployment_target=ct.target.iOS17,
            compute_precision=ct.precision.FLOAT32,  # adds no casts: the first call did
            classifier_config=config,
            pass_pipeline=compression(request.recipe, mil, keep=float_names),
            skip_model_load=True,
            package_dir=str(scratch),
        )
    modules = {
        alias: path for name, path in paths.items() for alias in aliases[name] if alias in names
    }
    return Lowered(spec=model.get_spec(), weights=Path(model.weights_dir), modules=modules)


def decomposed(program: ExportedProgram) -> ExportedProgram:
    """A copy of the program in core ATen operations.

    `aten.alias`, which torch 2.13 can leave in, is removed: coremltools 9 does not support it.
    """
    with quiet():
        core = program.run_decompositions({})
    for node in core.graph.nodes:
        if node.target is torch.ops.aten.alias.default:
            node.replace_all_uses_with(operand(node, 0))
    core.graph.eliminate_dead_code()
    return core


def add_probabilities(program: ExportedProgram) -> None:
    """Give the program softmax(logits) as its second output."""
    output = program.graph.output_node()
    (logits,) = output.args[0]
    with program.graph.inserting_before(output):
        softmax = program.graph.call_function(torch.ops.aten.softmax.int, (logits, -1))
    softmax.meta["val"] = logits.meta["val"]
    output.args = ((logits, softmax),)
    program.graph_signature.output_specs.append(
        OutputSpec(OutputKind.USER_OUTPUT, TensorArgument(softmax.name), None)
    )


def module_paths(program: ExportedProgram) -> dict[str, str]:
    """Module paths by the name of their node, for convolutions and linears."""
    parameters = program.graph_signature.inputs_to_parameters
    return {
        node.name: deployed_path(parameters[operand(node, 1).name]).removesuffix(".weight")
        for node in dense(program)
    }


def kept(
    program: ExportedProgram, paths: Mapping[str, str], float_modules: Collection[str]
) -> set[str]:
    """Node names of the float modules; raises ValueError for one that is not quantized anyway."""
    names = {paths[node.name]: node.name for node in quantizable(program)}
    require_quantized(float_modules, names)
    return {names[path] for path in float_modules}


def variables(program: ExportedProgram) -> dict[str, tuple[str, str]]:
    """Names of each dense node's output in the MIL program, in fp32 and in fp16, by node name.

    In fp16 the name comes from the operation. coremltools numbers the operations of linears with
    constant weights, because its frontend gives the node's name to the output alone (coremltools 9,
    frontend/torch/ops.py).
    """
    linear = torch.ops.aten.linear.default
    linears = (node for node in program.graph.nodes if node.target is linear)
    numbered = {node.name: f"linear_{i}" for i, node in enumerate(linears)}
    return {
        node.name: (node.name, f"{numbered.get(node.name, node.name)}_cast_fp16")
        for node in dense(program)
    }


def _to_mil(program: ExportedProgram, recipe: Recipe, outputs: Sequence[str]) -> Any:
    """A MIL program that takes the image and has float32 outputs of these names."""
    half = ct.transform.FP16ComputePrecision(op_selector=lambda op: not _gives_probabilities(op))
    shape = tuple(program.example_inputs[1][IMAGE].shape)
    # coremltools numbers unnamed constants with a counter of the process. It clears the counter
    # after each conversion, but reading a package increases it.
    ct.converters.mil.Builder.name_count.clear()
    mil = ct.convert(
        program,
        convert_to="milinternal",
        minimum_deployment_target=ct.target.iOS17,
        compute_precision=ct.precision.FLOAT32 if recipe.weights == "float32" else half,
        inputs=[ct.ImageType(IMAGE, shape=shape, color_layout=ct.colorlayout.RGB)],
        outputs=[ct.TensorType(name, dtype=np.float32) for name in outputs],
    )
    mil.functions["main"].set_output_types(None)
    return mil


def _gives_probabilities(operation: Any) -> bool:
    """Whether a MIL operation is the softmax whose result is an output of the program."""
    outputs = operation.enclosing_block.outputs
    return operation.op_type == "softmax" and operation.outputs[0] in outputs

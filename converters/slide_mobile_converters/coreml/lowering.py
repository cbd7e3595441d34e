"""ExportedProgram to MIL, for iOS 17: a classifier, or a network whose outputs are maps.

coremltools 9 cannot give a classifier a second output of chosen type in one call: the list of
output types is indexed with `classLabel` already in front (IndexError in
converters/mil/backend/mil/load.py, `get_func_output`). So the program is converted to MIL with
`logits` and probabilities as float32 outputs, and becomes a classifier in a second call, which
runs no passes but the compression of weights. Maps take the same two calls.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.export import ExportedProgram
from torch.export.graph_signature import OutputKind, OutputSpec, TensorArgument

from slide_mobile.preprocess import planar
from slide_mobile.recipes import Recipe
from slide_mobile.targets.converter import Request, require_found
from slide_mobile.tasks import deployed_path, output_names
from slide_mobile_converters.coreml.compression import compression
from slide_mobile_converters.coreml.quantization import dense, operand, quantize_activations, thick
from slide_mobile_converters.coreml.toolchain import coremltools as ct
from slide_mobile_converters.coreml.toolchain import quiet

IMAGE, LABEL = "image", "classLabel"
_PROBABILITIES = "probabilities"


@dataclass(frozen=True, kw_only=True)
class Lowered:
    """A specification (protobuf), its folder of weights, and the modules behind its variables."""

    spec: Any
    weights: Path
    modules: Mapping[str, str]


def lower(program: ExportedProgram, request: Request, scratch: Path) -> Lowered:
    """Convert to a specification whose weights lie in the package `scratch`.

    Raises ValueError for a float module that would not be quantised.
    """
    core = decomposed(program)
    paths = module_paths(core)
    keep = kept(core, paths, request.float_modules)
    aliases = variables(core)
    if request.recipe.activations == "int8":
        images = [torch.from_numpy(planar(image)) for image in request.calibration]
        quantize_activations(core, images, keep=keep)
    outputs, config = output_names(request.task), None
    if request.task == "classify":
        add_probabilities(core)
        outputs = (*outputs, _PROBABILITIES)
        config = ct.ClassifierConfig(list(request.labels), LABEL, _PROBABILITIES)
    with quiet():
        mil = _to_mil(core, request.recipe, outputs)
        names = {var.name for op in mil.functions["main"].operations for var in op.outputs}
        float_names = {alias for name in keep for alias in aliases[name]} & names
        assert len(float_names) == len(keep), "coremltools names its operations otherwise now"
        model = ct.convert(
            mil,
            minimum_deployment_target=ct.target.iOS17,
            compute_precision=ct.precision.FLOAT32,  # no more casts: the first call made them
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
    """A copy of the program in core ATen operations, without aliases.

    torch 2.13 can leave `aten.alias` behind, which coremltools 9 does not know.
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
    """Paths of the torch modules by the names of the convolutions and linears they became."""
    parameters = program.graph_signature.inputs_to_parameters
    return {
        node.name: deployed_path(parameters[operand(node, 1).name]).removesuffix(".weight")
        for node in dense(program)
    }


def kept(
    program: ExportedProgram, paths: Mapping[str, str], float_modules: Collection[str]
) -> set[str]:
    """Names of the operations of these modules; raises ValueError where none is quantised."""
    names = {paths[node.name]: node.name for node in thick(program)}
    require_found(float_modules, names)
    return {names[path] for path in float_modules}


def variables(program: ExportedProgram) -> dict[str, tuple[str, str]]:
    """What coremltools calls the output of each dense operation, in fp32 and in fp16, by its node.

    In fp16 it is named after its operation. That of a linear with constant weights coremltools
    numbers itself: the frontend gives the node's name to the output alone (coremltools 9,
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
    """A MIL program with the image as input and float32 outputs of these names."""
    single = recipe.weights == "float32"
    shape = tuple(program.example_inputs[1][IMAGE].shape)
    # Unnamed constants are numbered through a counter of the process, which coremltools clears
    # after each conversion and which reading a package moves on.
    ct.converters.mil.Builder.name_count.clear()
    mil = ct.convert(
        program,
        convert_to="milinternal",
        minimum_deployment_target=ct.target.iOS17,
        compute_precision=ct.precision.FLOAT32 if single else ct.precision.FLOAT16,
        inputs=[ct.ImageType(IMAGE, shape=shape, color_layout=ct.colorlayout.RGB)],
        outputs=[ct.TensorType(name, dtype=np.float32) for name in outputs],
    )
    mil.functions["main"].set_output_types(None)
    return mil

"""Mixed precision: int8 that misses a floor keeps few modules in float, and names them."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from installed import TARGETS as INSTALLED
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from slide_mobile import models, recipes
from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.artifact.manifest import OutputParity
from slide_mobile.cli import main
from slide_mobile.demo.render import render_many
from slide_mobile.deploy.export import export
from slide_mobile.deploy.rewriting import deploy
from slide_mobile.parity.result import ParityReport
from slide_mobile.pipeline import mixed_precision
from slide_mobile.preprocess import Pixels
from slide_mobile.targets import registry
from slide_mobile.targets.converter import Request

MODEL = "slide_swin_test"
BLOCK = "layers.1.blocks.0.mlp"
# One hidden channel is a large constant. With 8 bits per tensor, all other channels are lost beside
# it, at the output of one linear and at the input of the next.
PLANTED = {f"{BLOCK}.fc1", f"{BLOCK}.fc2"}
TARGETS = [
    target for target in INSTALLED if "int8" in next(iter(registry.load(target).BACKENDS.values()))
]
# Float modules are tested with one real conversion per toolchain: CI runs one of them, and
# `make test-slow` runs all.
IN_TURN = [
    pytest.param(target, marks=() if target == "onnx" else pytest.mark.full_size)
    for target in TARGETS
]
CASES = [
    (target, precision)
    for target in INSTALLED
    for precision in next(iter(registry.load(target).BACKENDS.values()))
    if recipes.lookup(precision).weights not in {"float32", "float16"}
]


def in_int8(target: str, path: Path) -> dict[str, bool]:
    """Whether the weights of each dense module in the file have a quantized format."""
    return READERS[target](path)


def in_tflite(path: Path) -> dict[str, bool]:
    from ai_edge_litert import schema_py_generated as schema

    from slide_mobile_converters.tflite.probe import module_path

    file = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    (graph,) = file.subgraphs
    dense = {schema.BuiltinOperator.CONV_2D, schema.BuiltinOperator.FULLY_CONNECTED}
    made_from = {op.outputs[0]: op.inputs[0] for op in graph.operators}  # by DEQUANTIZE, of int8
    types: dict[str, bool] = {}
    for op in graph.operators:
        if file.operatorCodes[op.opcodeIndex].builtinCode in dense:
            module = module_path(graph.tensors[op.outputs[0]].name.decode())
            if module is not None:
                weight = made_from.get(op.inputs[1], op.inputs[1])
                types[module] = graph.tensors[weight].type == schema.TensorType.INT8
    names = {litert_name(path): path for path in thick("tflite")}
    return {names[name]: int8 for name, int8 in types.items() if name in names}


def litert_name(path: str) -> str:
    """Return the path without the names of nn.ModuleList containers."""
    return path.replace("layers.", "").replace("blocks.", "")


def in_pte(path: Path) -> dict[str, bool]:
    from slide_mobile_converters.executorch import metadata, probe, reading, xnnpack_graph

    file = reading.read(path)
    (delegate,) = reading.method(file).delegates
    graph = xnnpack_graph.read(reading.blob(file, delegate))
    values, modules = xnnpack_graph.values(graph), reading.constants(file)[metadata.MODULES]
    nodes = [node.xnode_union for node in graph.xnodes]
    weighted = [node for node in nodes if type(node).__name__ in probe.WEIGHTED]
    return {
        module: values[node.filter_id].dtype == "qcint8"
        for module, node in zip(modules, weighted, strict=True)
        if module
    }


def in_mlpackage(path: Path) -> dict[str, bool]:
    from slide_mobile_converters.coreml import reading

    program, modules = reading.program(path), reading.modules(path)
    producers = {name: op.type for op in program.operations for name in op.outputs}
    return {
        modules[op.outputs[0]]: producers.get(op.inputs["weight"], "").startswith("constexpr_")
        for op in program.operations
        if op.outputs[0] in modules
    }


def in_onnx(path: Path) -> dict[str, bool]:
    import onnx

    nodes = onnx.load(path).graph.node
    producers = {name: node.op_type for node in nodes for name in node.output}
    return {
        node.name.rpartition("/")[0]: producers.get(node.input[1]) == "DequantizeLinear"
        for node in nodes
        if node.op_type in {"Conv", "Gemm", "MatMul"}
    }


def in_aimodel(path: Path) -> dict[str, bool]:
    from slide_mobile_converters.coreai import graph, reading

    program, modules = reading.read(path), reading.modules(path)
    stored = graph.weights(program)
    products = {end: end if end in stored else program[end].inputs[0] for end in modules}
    return {module: stored[products[end]].bits < 16 for end, module in modules.items()}


READERS: Mapping[str, Callable[[Path], dict[str, bool]]] = {
    "tflite": in_tflite,
    "executorch": in_pte,
    "coreai": in_aimodel,
    "coreml": in_mlpackage,
    "onnx": in_onnx,
}


def thick(target: str) -> list[str]:
    """Return the modules that int8 quantizes."""
    converter = registry.load(target)
    model = models.create(MODEL).requires_grad_(False)
    return mixed_precision.candidates(deploy(model, layout=converter.LAYOUT))


@pytest.mark.parametrize("target", TARGETS)
def test_every_dense_module_but_the_thin_ones_is_a_candidate(target: str) -> None:
    form = deploy(models.create(MODEL), layout=registry.load(target).LAYOUT)
    assert set(thick(target)) == set(mixed_precision.dense(form)) - {"head", "patch_embed.proj"}


@pytest.mark.parametrize(
    ("sqnr_db", "wanted_db"), [(17.2, 20.5), (-200.0, 20.5), (20.0, 23.0), (25.5, 28.5)]
)
def test_the_next_file_aims_at_the_floor_that_is_missed(sqnr_db: float, wanted_db: float) -> None:
    report = ParityReport(
        recipe=recipes.lookup("int8"),
        trained=True,
        outputs=(OutputParity(name="logits", sqnr_db=sqnr_db, max_abs=1.0),),
        top1_agreement=0.5,
        samples=100,
    )
    assert not report.passed and mixed_precision.wanted_db(report) == wanted_db


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a checkpoint with the outlier channel, and calibration images."""
    folder = tmp_path_factory.mktemp("planted")
    model = models.create(MODEL).eval().requires_grad_(False)
    draw = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        spread = 0.3 if parameter.ndim == 1 else 0.1
        parameter.add_(torch.randn(parameter.shape, generator=draw) * spread)
    plant(model.get_submodule(BLOCK), 1e3)
    save_file(model.state_dict(), folder / "planted.safetensors")
    (folder / "images").mkdir()
    pixels, _ = render_many(5, 40, 96)
    for i, image in enumerate(pixels):
        Image.fromarray(image[16:80]).save(folder / f"images/{i:02d}.png")
    return folder


def plant(mlp: Any, outlier: float) -> None:
    mlp.fc1.bias[0] = outlier
    mlp.fc2.weight[:, 0] /= outlier
    mlp.fc2.weight[:, 1:] *= 3  # so that the logits notice


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments])


def convert(folder: Path, target: str, out: Path) -> Result:
    return run(
        "convert", MODEL, "--to", target, "--int8", "--out", out,
        "--checkpoint", folder / "planted.safetensors",
        "--calibration", folder / "images", "--calibration-samples", 8,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    "target",
    [
        pytest.param(target, marks=() if target in {"tflite", "onnx"} else pytest.mark.full_size)
        for target in TARGETS
    ],
)
def test_outliers_go_back_to_float_and_nothing_else_does(
    target: str, folder: Path, tmp_path: Path
) -> None:
    result = convert(folder, target, tmp_path)
    assert result.exit_code == 0, result.output
    art = ArtifactFolder.open(tmp_path / f"{MODEL}-{target}-int8")
    assert set(art.manifest.float_modules) == PLANTED
    assert art.manifest.parity.sqnr_db > 30
    found = in_int8(target, art.model_path)
    assert {path for path in thick(target) if not found[path]} == PLANTED
    kept = ", ".join(art.manifest.float_modules)
    line = f"float {kept} (kept in float to reach the floor)"
    assert line in " ".join(result.stdout.split())
    assert f"the floor is 97.0%): try again with {kept} in float" in result.stderr
    assert line in " ".join(run("inspect", art.root).stdout.split())
    plain = json.loads(run("inspect", art.root, "--json").stdout)
    assert plain["float_modules"] == list(art.manifest.float_modules)


def request(
    precision: str, float_modules: set[str], images: tuple[Pixels, ...], num_classes: int
) -> Request:
    return Request(
        recipe=recipes.lookup(precision),
        backend="",
        via="",
        labels=tuple(map(str, range(num_classes))),
        title=MODEL,
        description="",
        version="0",
        facts={},
        calibration=images,
        float_modules=float_modules,
    )


def written(
    target: str, precision: str, float_modules: set[str], path: Path, *, num_classes: int = 5
) -> Path:
    converter = registry.load(target)
    spec = models.spec(MODEL)
    model: nn.Module = models.create(MODEL, num_classes=num_classes).requires_grad_(False)
    program = export(deploy(model, layout=converter.LAYOUT), spec.input_size, converter.LAYOUT)
    draw = np.random.default_rng(0)
    image = draw.integers(0, 256, (*spec.input_size, 3), dtype=np.uint8)
    images = (image,) if recipes.lookup(precision).needs_calibration else ()
    converter.convert(program, request(precision, float_modules, images, num_classes), path)
    return path


@pytest.mark.full_size
@pytest.mark.parametrize("case", [c for c in CASES if c[1] != "int8"], ids="-".join)
def test_other_quantised_formats_keep_modules_in_float_too(
    case: tuple[str, str], tmp_path: Path
) -> None:
    target, precision = case
    path = tmp_path / f"model{registry.load(target).SUFFIX}"
    found = in_int8(target, written(target, precision, PLANTED, path))
    assert {path for path in thick(target) if not found[path]} == PLANTED


@pytest.mark.slow
@pytest.mark.parametrize("target", IN_TURN)
def test_the_head_of_many_classes_can_stay_in_float(target: str, tmp_path: Path) -> None:
    path = tmp_path / f"model{registry.load(target).SUFFIX}"
    found = in_int8(target, written(target, "int8", {"head"}, path, num_classes=20))
    assert all(found[path] for path in thick(target))
    assert not found.get("head", False)


@pytest.mark.slow
@pytest.mark.parametrize("target", IN_TURN)
def test_a_float_module_that_matches_nothing_is_a_bug(target: str, tmp_path: Path) -> None:
    wrong = {*PLANTED, "layers.9.attn.q", "layers.9.attn.k"}
    unknown = r"float that are not quantized: layers\.9\.attn\.k, layers\.9\.attn\.q$"
    with pytest.raises(ValueError, match=unknown):
        written(target, "int8", wrong, tmp_path / f"model{registry.load(target).SUFFIX}")
    assert not any(tmp_path.iterdir())

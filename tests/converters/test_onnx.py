"""The ONNX converter: what is in the file, who can run it, and what it says of itself."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from torch import nn
from torch.export import ExportedProgram

from slide_mobile import models
from slide_mobile.deploy.export import export
from slide_mobile.deploy.rewriting import deploy
from slide_mobile.errors import ArtifactError
from slide_mobile.parity import layerwise
from slide_mobile.parity.metrics import sqnr_db
from slide_mobile.recipes import RECIPES
from slide_mobile.targets.converter import Request
from slide_mobile_converters import onnx as converter
from slide_mobile_converters.onnx import quantization, running

MODEL, SIZE = "slide_swin_test", (64, 96)
LABELS = tuple(f"class {i}" for i in range(5))
PRECISIONS = ("fp32", "fp16", "int8")
# Measured on this model: 127, 68 and 31 dB.
FLOORS_DB = {"fp32": 110, "fp16": 60, "int8": 28}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def images() -> NDArray[np.uint8]:
    """Smooth drawings: noise has no structure for the ranges to follow."""
    draw = np.random.default_rng(0)
    coarse = draw.integers(0, 256, (12, 8, 12, 3), dtype=np.uint8)
    return coarse.repeat(8, axis=1).repeat(8, axis=2)


@pytest.fixture(scope="module")
def deployed() -> nn.Module:
    return deploy(models.create(MODEL), layout="NCHW")


@pytest.fixture(scope="module")
def program(deployed: nn.Module) -> ExportedProgram:
    return export(deployed, SIZE, "NCHW")


def request_of(precision: str, images: NDArray[np.uint8]) -> Request:
    recipe = RECIPES[precision]
    return Request(
        recipe=recipe,
        backend="cpu",
        via="torch",
        labels=LABELS,
        title=MODEL,
        description="five classes",
        version="1.2.3",
        facts={"model": MODEL, "mean": "0.5, 0.5, 0.5"},
        calibration=tuple(images[:8]) if recipe.needs_calibration else (),
    )


@pytest.fixture(scope="module")
def files(
    program: ExportedProgram, images: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("onnx")
    made = {precision: folder / f"{precision}.onnx" for precision in PRECISIONS}
    for precision, path in made.items():
        converter.convert(program, request_of(precision, images), path)
    return made


@pytest.fixture(scope="module")
def expected(deployed: nn.Module, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    maps = torch.from_numpy(images[8:].astype(np.float32)).permute(0, 3, 1, 2)
    with torch.no_grad():
        return np.concatenate([deployed(image[None]).numpy() for image in maps])


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_file_computes_what_pytorch_computes(
    precision: str,
    files: dict[str, Path],
    images: NDArray[np.uint8],
    expected: NDArray[np.float32],
) -> None:
    run = converter.runner(files[precision])
    found = np.stack([run(image) for image in images[8:]])
    assert found.dtype == np.float32 and found.shape == (4, 5)
    assert sqnr_db(expected, found) > FLOORS_DB[precision]
    assert run.runtime == f"ONNX Runtime {onnxruntime.__version__}, CPU"


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_file_is_one_plain_onnx_model(precision: str, files: dict[str, Path]) -> None:
    model = onnx.load(files[precision])
    onnx.checker.check_model(model, full_check=True)
    assert [(o.domain, o.version) for o in model.opset_import] == [("", 20)]
    assert not model.functions
    assert not any(t.data_location == t.EXTERNAL for t in model.graph.initializer)
    (image,), (logits,) = model.graph.input, model.graph.output
    for value, name, shape in [(image, "image", [1, 3, 64, 96]), (logits, "logits", [1, 5])]:
        kind = value.type.tensor_type
        assert (value.name, kind.elem_type) == (name, onnx.TensorProto.FLOAT)
        assert [d.dim_value for d in kind.shape.dim] == shape


def test_int8_sums_do_not_saturate_on_a_cpu_without_vnni() -> None:
    # `session.x64quantprecision` changes nothing on other CPUs; without it this file's tests fail
    # on such a machine (emulated: qemu-x86_64 -cpu Haswell).
    assert running.options().get_session_config_entry("session.x64quantprecision") == "1"


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_file_describes_itself_and_nothing_of_the_machine(
    precision: str, files: dict[str, Path]
) -> None:
    session = onnxruntime.InferenceSession(files[precision], providers=["CPUExecutionProvider"])
    meta = session.get_modelmeta()
    assert meta.producer_name == "slide-mobile" and meta.graph_name == MODEL
    assert meta.description == "five classes"
    assert meta.custom_metadata_map == {
        "author": "slide-mobile",
        "description": "five classes",
        "labels": "\n".join(LABELS),
        "license": "Apache-2.0",
        "mean": "0.5, 0.5, 0.5",
        "model": MODEL,
        "title": MODEL,
    }
    content = files[precision].read_bytes()
    here = str(Path(__file__).parents[2]).encode()
    assert here not in content and b"stack_trace" not in content and b"site-packages" not in content


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_the_same_inputs_give_the_same_bytes(
    precision: str,
    files: dict[str, Path],
    images: NDArray[np.uint8],
    program: ExportedProgram,
    tmp_path: Path,
) -> None:
    converter.convert(program, request_of(precision, images), tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == files[precision].read_bytes()


def test_files_shrink_with_the_format(files: dict[str, Path]) -> None:
    size = {precision: path.stat().st_size for precision, path in files.items()}
    assert size["fp16"] < 0.6 * size["fp32"] and size["int8"] < 0.4 * size["fp32"]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_every_dense_module_is_read_back_by_its_path(
    precision: str, files: dict[str, Path], deployed: nn.Module, images: NDArray[np.uint8]
) -> None:
    rows = layerwise.modules(converter, files[precision], deployed, images[8:])
    assert {row.module for row in rows} == set(layerwise.dense(deployed))
    assert min(row.sqnr_db for row in rows) > FLOORS_DB[precision] - 10


def test_fp16_is_fp16_between_input_and_output(files: dict[str, Path]) -> None:
    model = onnx.load(files["fp16"])
    assert {t.data_type for t in model.graph.initializer} <= {
        onnx.TensorProto.FLOAT16,
        onnx.TensorProto.INT64,  # shapes
    }
    assert sum(node.op_type == "Cast" for node in model.graph.node) == 2


def test_int8_quantises_dense_operations_and_nothing_else(files: dict[str, Path]) -> None:
    whole, quantised = onnx.load(files["fp32"]), onnx.load(files["int8"])
    wanted = {node.name for node in quantization.dense_nodes(whole)}
    made = {out: node.op_type for node in quantised.graph.node for out in node.output}
    found = {
        node.name
        for node in quantised.graph.node
        if node.op_type in {"Conv", "Gemm", "MatMul"}
        and made.get(node.input[1]) == "DequantizeLinear"
    }
    assert found == wanted and len(wanted) > 30
    assert not any(".taps_" in name or ".head_" in name for name in wanted)
    weights = [t for t in quantised.graph.initializer if t.data_type == onnx.TensorProto.INT8]
    scales = {t.name: t.dims for t in quantised.graph.initializer if t.name.endswith("_scale")}
    named = [t for t in weights if t.name.endswith("weight_quantized")]
    assert len(named) == len(wanted)
    for tensor in named:  # a scale a channel
        assert list(scales[tensor.name.replace("_quantized", "_scale")]) == [tensor.dims[0]]


@pytest.fixture
def cut(files: dict[str, Path], tmp_path: Path) -> Callable[[float], Path]:
    def write(share: float) -> Path:
        whole = files["fp32"].read_bytes()
        (tmp_path / "cut.onnx").write_bytes(whole[: int(len(whole) * share)])
        return tmp_path / "cut.onnx"

    return write


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.9, 0.999])
def test_a_file_cut_short_is_refused_in_one_line(
    share: float, cut: Callable[[float], Path]
) -> None:
    for verb in (converter.runner, converter.inspect):
        with pytest.raises(ArtifactError, match=r"^[^\n]*is damaged, or is not an ONNX[^\n]*$"):
            verb(cut(share))


def test_flipped_bits_give_facts_or_one_line_but_nothing_else(
    files: dict[str, Path], tmp_path: Path
) -> None:
    whole = files["int8"].read_bytes()
    draw = np.random.default_rng(0)
    refused, path = 0, tmp_path / "flipped.onnx"
    # Beyond the first fifth lie weights, where a flipped bit is no structural damage.
    for _ in range(40):
        damaged = bytearray(whole)
        for position in draw.integers(0, len(whole) // 5, size=3):
            damaged[position] ^= 1 << int(draw.integers(0, 8))
        path.write_bytes(damaged)
        try:
            converter.inspect(path)
        except ArtifactError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 5


def test_a_file_that_is_not_there_is_refused_in_one_line(tmp_path: Path) -> None:
    for verb in (converter.runner, converter.inspect):
        with pytest.raises(ArtifactError, match="cannot be read"):
            verb(tmp_path / "absent.onnx")

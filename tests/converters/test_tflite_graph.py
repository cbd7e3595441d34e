"""What inspect() states about .tflite files, on small graphs whose facts are known by design."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from slide_mobile.errors import ArtifactError

litert_torch = pytest.importorskip("litert_torch")
pytest.importorskip("ai_edge_quantizer")

from ai_edge_litert import schema_py_generated as schema  # noqa: E402
from ai_edge_litert.tools import flatbuffer_utils  # noqa: E402
from ai_edge_quantizer import quantizer, recipe  # noqa: E402

from slide_mobile_converters.tflite.graph import inspect  # noqa: E402
from slide_mobile_converters.tflite.reading import load  # noqa: E402

SHAPE = (1, 6, 10, 3)  # NHWC, odd proportions: a mix-up of axes changes the counts
# Multiply-adds of Net: 60 pixels, kernels of 9.
CONV, DEPTHWISE, LINEAR, PRODUCT = 60 * 8 * 27, 60 * 8 * 9, 60 * 8 * 5, 5 * 5 * 60
ALL = CONV + DEPTHWISE + LINEAR + PRODUCT


class Net(nn.Module):
    """conv 3->8, depthwise 3x3, linear 8->5, a product of two activations; MACs as listed above."""

    def __init__(self) -> None:
        """Seeded by the fixture."""
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.linear = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        """(1, 6, 10, 3) -> (1, 5)."""
        x = self.depthwise(torch.relu(self.conv(x.permute(0, 3, 1, 2))))
        tokens: Tensor = self.linear(x.flatten(2).transpose(1, 2))  # (1, 60, 5)
        return torch.matmul(tokens.transpose(1, 2), tokens).mean(1)


class Cut(nn.Module):
    """Convolutions with `cuts` running sums between them; XNNPACK has no CUMSUM."""

    def __init__(self, cuts: int, *, last: bool = False) -> None:
        """`last` puts one more running sum at the end."""
        super().__init__()
        self.last = last
        self.convs = nn.ModuleList(nn.Conv2d(3, 3, 3, padding=1) for _ in range(cuts + 1))

    def forward(self, x: Tensor) -> Tensor:
        """(1, 6, 10, 3) -> (1, 3, 6, 10), or (1, 3) where `last`."""
        x = x.permute(0, 3, 1, 2)
        for index, conv in enumerate(self.convs):
            x = torch.relu(conv(x if index == 0 else torch.cumsum(x, 1)))
        return torch.cumsum(x.mean((2, 3)), 1) if self.last else x


class Branch(nn.Module):
    """A delegated branch runs beside the running sum, and both meet again."""

    def __init__(self) -> None:
        """Two convolutions."""
        super().__init__()
        self.stem, self.side = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(1, 6, 10, 3) -> (1, 3, 6, 10)."""
        x = self.stem(x.permute(0, 3, 1, 2))
        side: Tensor = self.side(x)
        return torch.cumsum(x, 1) + side


class OnlyCumsum(nn.Module):
    """Nothing here for a delegate."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        return torch.cumsum(x, 1)


class HighRank(nn.Module):
    """A permutation of six axes."""

    def forward(self, x: Tensor) -> Tensor:
        """(1, 6, 10, 3) -> (1, 3, 3, 5, 2, 2)."""
        return torch.exp(x.reshape(1, 3, 2, 5, 2, 3).permute(0, 5, 1, 3, 2, 4))


def export(module: nn.Module, path: Path) -> Path:
    """Convert one module."""
    litert_torch.convert(module.eval(), (torch.zeros(SHAPE),)).export(str(path))
    return path


def quantized(source: Path, rules: list[Any], path: Path) -> Path:
    """Quantise a file by a recipe."""
    model = quantizer.Quantizer(str(source), rules)
    rng = np.random.default_rng(0)
    images = [{"args_0": rng.normal(size=SHAPE).astype(np.float32)} for _ in range(4)]
    calibration = model.calibrate({"serving_default": images}) if model.need_calibration else None
    model.quantize(calibration).export_model(str(path))
    return path


def only_linear_and_conv() -> list[Any]:
    """The static recipe of the default, for two operations."""
    rules = []
    for rule in recipe.static_wi8_ai8():
        for operation in ("FULLY_CONNECTED", "CONV_2D"):
            rules.append({**json.loads(json.dumps(rule)), "operation": operation})
    return rules


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Small files of every precision, converted once."""
    folder = tmp_path_factory.mktemp("tflite")
    torch.manual_seed(0)
    modules: dict[str, Callable[[], nn.Module]] = {
        "net": Net,
        "cut1": lambda: Cut(1),
        "cut3": lambda: Cut(3),
        "cut_last": lambda: Cut(1, last=True),
        "branch": Branch,
        "only_cumsum": OnlyCumsum,
        "high_rank": HighRank,
    }
    found = {name: export(make(), folder / f"{name}.tflite") for name, make in modules.items()}
    recipes = {
        "int8": recipe.static_wi8_ai8(),
        "selective": only_linear_and_conv(),
        "dynamic": recipe.dynamic_wi8_afp32(),
        "weights": recipe.weight_only_wi8_afp32(),
    }
    for name, rules in recipes.items():
        found[name] = quantized(found["net"], rules, folder / f"{name}.tflite")
    return found


def test_census_counts_every_operation_by_name(files: dict[str, Path]) -> None:
    ops = inspect(files["cut3"]).ops
    assert (ops["CONV_2D"], ops["CUMSUM"]) == (4, 3)
    assert sum(ops.values()) == inspect(files["cut3"]).total_ops
    assert list(ops) == sorted(ops)


def test_a_graph_that_xnnpack_takes_whole_is_one_partition(files: dict[str, Path]) -> None:
    graph = inspect(files["net"])
    assert graph.partitions == 1
    assert graph.delegated_ops == graph.total_ops > 0
    known = ("oldest runtime", "LiteRT's GPU delegate")  # it broadcasts the batch of a product
    assert all(finding.startswith(known) for finding in graph.findings)


@pytest.mark.parametrize(
    ("name", "partitions", "outside"),
    [("cut1", 2, 1), ("cut3", 4, 3), ("cut_last", 2, 2), ("branch", 2, 1), ("only_cumsum", 0, 1)],
)
def test_every_cut_is_counted(
    files: dict[str, Path], name: str, partitions: int, outside: int
) -> None:
    graph = inspect(files[name])
    assert graph.partitions == partitions
    assert graph.total_ops - graph.delegated_ops == outside


def test_findings_name_what_stays_outside_the_delegate(files: dict[str, Path]) -> None:
    assert "operations outside the delegate: CUMSUM x3" in inspect(files["cut3"]).findings


def test_max_rank_sees_rank_six(files: dict[str, Path]) -> None:
    graph = inspect(files["high_rank"])
    assert graph.max_rank == 6
    assert any("rank above 4" in finding for finding in graph.findings)


@pytest.mark.parametrize(
    ("name", "macs_in_int8"),
    [
        ("net", 0),
        ("weights", 0),
        ("dynamic", ALL - PRODUCT),  # two activations: there are no weights to quantise
        ("selective", CONV + LINEAR),
        ("int8", ALL),
    ],
)
def test_int8_fraction_weighs_operations_by_their_multiply_adds(
    files: dict[str, Path], name: str, macs_in_int8: int
) -> None:
    fraction = inspect(files[name]).int8_mac_fraction
    assert fraction == pytest.approx(macs_in_int8 / ALL, abs=1e-12)  # exact but for the division


def test_findings_name_the_multiply_adds_left_in_float(files: dict[str, Path]) -> None:
    expected = "multiply-adds that stay in float: DEPTHWISE_CONV_2D 20.4%, BATCH_MATMUL 7.1%"
    assert expected in inspect(files["selective"]).findings  # 4,320 and 1,500 of 21,180


def test_a_file_that_no_run_confirmed_gets_litert_s_claim_and_a_finding(
    files: dict[str, Path],
) -> None:
    graph = inspect(files["only_cumsum"])
    assert graph.min_runtime == "2.4.0"  # CUMSUM 1
    assert any("no run confirmed it: CUMSUM 1" in finding for finding in graph.findings)


def test_min_runtime_follows_the_types_where_the_file_understates_versions(
    files: dict[str, Path],
) -> None:
    graph = inspect(files["dynamic"])
    assert graph.min_runtime == "2.17.0"  # FULLY_CONNECTED 12: weights with a scale a channel
    assert any("FULLY_CONNECTED has" in f and "needs 12" in f for f in graph.findings)


def test_min_runtime_is_none_for_an_unknown_version_and_says_why(
    files: dict[str, Path], tmp_path: Path
) -> None:
    model = flatbuffer_utils.read_model(str(files["only_cumsum"]))
    model.operatorCodes[0].builtinCode = flatbuffer_utils.BuiltinOperator.SIGN  # not in the table
    model.operatorCodes[0].deprecatedBuiltinCode = 127
    model.subgraphs[0].operators[0].inputs = model.subgraphs[0].operators[0].inputs[:1]
    model.subgraphs[0].operators[0].builtinOptionsType = 0
    model.subgraphs[0].operators[0].builtinOptions = None
    path = tmp_path / "sign.tflite"
    flatbuffer_utils.write_model(model, str(path))
    graph = inspect(path)
    assert graph.min_runtime is None
    assert "oldest runtime unknown, because of SIGN version 1" in graph.findings


def test_weight_only_files_say_that_they_compute_in_float(files: dict[str, Path]) -> None:
    findings = inspect(files["weights"]).findings
    assert "3 weights are dequantized in the graph, so they compute in float" in findings


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused_in_one_line(
    files: dict[str, Path], tmp_path: Path, share: float
) -> None:
    whole = files["net"].read_bytes()
    path = tmp_path / "cut.tflite"
    path.write_bytes(whole[: int(len(whole) * share)])
    for verb in (inspect, load):
        with pytest.raises(ArtifactError, match=r"^[^\n]+$"):
            verb(path)


def test_flipped_bits_give_facts_or_one_line_but_nothing_else(
    files: dict[str, Path], tmp_path: Path
) -> None:
    whole = files["net"].read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for trial in range(200):
        damaged = bytearray(whole)
        for position in rng.integers(0, len(whole), size=3):
            damaged[position] ^= 1 << int(rng.integers(0, 8))
        path = tmp_path / f"{trial}.tflite"
        path.write_bytes(damaged)
        try:
            inspect(path)
        except ArtifactError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 50  # 130 of 200 were seen; a flipped weight is no structural damage


def test_a_file_that_is_not_there_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="cannot be read"):
        inspect(tmp_path / "absent.tflite")


@pytest.mark.parametrize(("tensor", "shape"), [(-1, [1 << 30, 5]), (0, [1, 6, 1 << 22, 3])])
def test_a_shape_too_large_to_be_true_is_refused_before_it_is_allocated(
    files: dict[str, Path], tmp_path: Path, tensor: int, shape: list[int]
) -> None:
    model = flatbuffer_utils.read_model(str(files["net"]))
    model.subgraphs[0].tensors[tensor].shape = shape
    path = tmp_path / "huge.tflite"
    flatbuffer_utils.write_model(model, str(path))
    for verb in (inspect, load):
        with pytest.raises(ArtifactError, match="claims the shape"):
            verb(path)


def test_a_shape_that_follows_from_a_constant_is_refused_before_it_is_written(
    tmp_path: Path,
) -> None:
    """FILL claims (1,) and makes what its first input says."""
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.subgraphs = 3, [graph]
    contents = (None, np.array([1 << 14, 1 << 15], np.int32), np.array(1, np.float32))
    model.buffers = [schema.BufferT() for _ in contents]
    for buffer, content in zip(model.buffers[1:], contents[1:], strict=True):
        buffer.data = np.frombuffer(content.tobytes(), np.uint8)
    graph.tensors = [schema.TensorT() for _ in range(3)]
    for number, (tensor, shape) in enumerate(zip(graph.tensors, ([1], [2], []), strict=True)):
        tensor.name, tensor.shape, tensor.buffer = f"t{number}", shape, number
    graph.tensors[1].type = schema.TensorType.INT32
    code, fill = schema.OperatorCodeT(), schema.OperatorT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.FILL
    code.version = 1
    fill.inputs, fill.outputs = [1, 2], [0]
    model.operatorCodes, graph.operators = [code], [fill]
    graph.inputs, graph.outputs = [], [0]
    path = tmp_path / "fill.tflite"
    flatbuffer_utils.write_model(model, str(path))
    with pytest.raises(ArtifactError, match=r"gets the shape \[16384, 32768\]"):
        load(path)

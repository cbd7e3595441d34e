"""What .pte files of a small net hold and compute, in every precision and for both delegates."""

import copy
import os
import sys
import tempfile
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from slide_mobile import recipes
from slide_mobile.deploy.export import export
from slide_mobile.errors import ArtifactError, ToolchainMissing, UsageError
from slide_mobile.parity import layerwise
from slide_mobile.parity.metrics import sqnr_db
from slide_mobile.targets.converter import Request

pytest.importorskip("executorch")

from executorch.runtime import Runtime

from slide_mobile_converters import executorch
from slide_mobile_converters.executorch import graph, reading, rewrites, xnnpack_graph
from slide_mobile_converters.executorch.metadata import MODULES as NAMES

pytestmark = pytest.mark.slow

SIZE = (16, 24)
IMAGES = np.random.default_rng(0).integers(0, 256, (6, *SIZE, 3), dtype=np.uint8)
LABELS = ("ant", "bee", "Käfer", "dog")
XNNPACK = ("fp32", "fp16", "int8", "int8-dynamic")
CASES = [("xnnpack", precision) for precision in XNNPACK] + [("coreml", "fp16"), ("coreml", "fp32")]
# Measured 137, 65, 33 and 37 dB with XNNPACK, 65 and 137 with Core ML.
FLOORS_DB = {"fp32": 110, "fp16": 50, "int8": 25, "int8-dynamic": 28}
THICK = ("q", "k", "v", "proj", "head")  # 16 channels and more on both sides
THIN = ("embed", "narrow", "widen")
MODULES = {*THICK, *THIN}
# Multiply-adds: 24 tokens of 16 channels, 32 where the map is padded to whole windows.
INT8_MACS = 3 * 24 * 16 * 16 + 32 * 16 * 16 + 16 * 20
FLOAT_MACS = 24 * 16 * 48 + 24 * 16 * 9 + 2 * 24 * 16 * 4 + 2 * 32 * 32 * 16


class Net(nn.Module):
    """Each form that the deploy form has: depthwise, thin, padded, behind a reshape, GELU."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, 16, 4, stride=4)
        self.embed.weight.data /= 64  # pixels of 0..255 come in
        self.depthwise = nn.Conv2d(16, 16, 3, padding=1, groups=16)
        self.narrow, self.widen = nn.Conv2d(16, 4, 1), nn.Conv2d(4, 16, 1)
        self.q, self.k, self.v = (nn.Conv2d(16, 16, 1) for _ in range(3))
        self.proj, self.head = nn.Conv2d(16, 16, 1), nn.Conv2d(16, 20, 1)

    def forward(self, image: Tensor) -> Tensor:
        """(1, 3, 16, 24) -> (1, 20)."""
        x = F.gelu(self.embed(image))
        x = x + self.widen(self.narrow(self.depthwise(x)))
        q, k, v = (self.tokens(linear(x)) for linear in (self.q, self.k, self.v))
        shares = torch.bmm(q.permute(0, 2, 1), k).softmax(-1)
        x = torch.bmm(v, shares.permute(0, 2, 1)).reshape(1, 16, 4, 8)
        return self.head(self.proj(x).mean((2, 3), keepdim=True)).flatten(1)

    @staticmethod
    def tokens(x: Tensor) -> Tensor:
        """(1, 16, 4, 6) -> (1, 16, 32), zeros at the right."""
        return F.pad(x, (0, 2)).reshape(1, 16, 32)


def net() -> Net:
    torch.manual_seed(0)
    return Net().eval().requires_grad_(False)


def convert(model: nn.Module, path: Path, precision: str, backend: str = "xnnpack") -> Path:
    recipe = recipes.lookup(precision)
    request = Request(
        recipe=recipe,
        backend=backend,
        via="executorch",
        labels=LABELS,
        title="net",
        description="random weights",
        version="1.2.3",
        facts={"model": "net", "precision": precision},
        calibration=tuple(IMAGES[:4]) if recipe.needs_calibration else (),
    )
    executorch.convert(export(model, SIZE, "NCHW"), request, path)
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Path]:
    folder = tmp_path_factory.mktemp("files")
    return {
        (backend, precision): convert(
            net(), folder / f"{backend}-{precision}.pte", precision, backend
        )
        for backend, precision in CASES
    }


def expected() -> np.ndarray:
    images = torch.from_numpy(IMAGES).permute(0, 3, 1, 2).float()
    return torch.cat([net()(image[None]) for image in images]).numpy()


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_one_delegate_computes_what_torch_does(case, files) -> None:
    run = executorch.runner(files[case])
    found = np.stack([run(image) for image in IMAGES])
    assert found.dtype == np.float32 and found.shape == (6, 20)
    assert sqnr_db(expected(), found) > FLOORS_DB[case[1]]
    facts = executorch.inspect(files[case])
    assert (facts.partitions, facts.max_rank) == (1, 4)
    assert facts.delegated_ops == facts.total_ops == sum(facts.ops.values())
    assert facts.min_runtime and not any("outside" in line for line in facts.findings)


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_every_module_is_seen_inside_the_delegate(case, files) -> None:
    reference = layerwise.activations(net(), IMAGES[0])
    found = executorch.activations(files[case], IMAGES[0])
    assert set(found) == set(reference) == MODULES
    for name, values in found.items():
        assert values.shape == reference[name].shape, name
        assert sqnr_db(reference[name], values) > FLOORS_DB[case[1]] - 5, name


@pytest.mark.parametrize("case", [("xnnpack", "int8"), ("coreml", "fp16")], ids="-".join)
def test_a_wrong_bias_in_the_file_shows_at_its_module(case, tmp_path: Path) -> None:
    wrong = net()
    wrong.v.bias.add_(1.0)
    path = convert(wrong, tmp_path / "model.pte", case[1], case[0])
    reference = layerwise.activations(net(), IMAGES[0])
    found = executorch.activations(path, IMAGES[0])
    off = {name for name in MODULES if sqnr_db(reference[name], found[name]) < 15}
    assert off == {"v", "proj", "head"}  # the module, and what reads it


def filters(path: Path) -> dict[str, list[str]]:
    """Types of the weights by kind of operation."""
    file = reading.read(path)
    (delegate,) = reading.method(file).delegates
    found: dict[str, list[str]] = {}
    for op in graph.operations(xnnpack_graph.read(reading.blob(file, delegate))):
        if "filter_id" in op.inputs:
            found.setdefault(op.name, []).append(op.inputs["filter_id"].dtype)
    return found


@pytest.mark.parametrize("precision", ["int8", "int8-dynamic"])
def test_only_wide_dense_operations_are_int8_a_channel(precision, files) -> None:
    found = filters(files["xnnpack", precision])
    assert found.pop("XNNDepthwiseConv2d") == ["fp32"]
    assert sorted(chain(*found.values())) == ["fp32"] * len(THIN) + ["qcint8"] * len(THICK)
    share = executorch.inspect(files["xnnpack", precision]).int8_mac_fraction
    assert share == pytest.approx(INT8_MACS / (INT8_MACS + FLOAT_MACS))


def test_a_dynamic_convolution_behind_a_reshape_is_a_linear(files) -> None:
    assert len(filters(files["xnnpack", "int8-dynamic"])["XNNFullyConnected"]) == 1
    assert "XNNFullyConnected" not in filters(files["xnnpack", "int8"])


def test_fp16_takes_fp16_and_has_no_gelu(files) -> None:
    path = files["xnnpack", "fp16"]
    (image,) = reading.method(reading.read(path)).inputs
    assert reading.method(reading.read(path)).values[image].val.scalar_type.name == "HALF"
    assert "Gelu" not in executorch.inspect(path).ops
    assert executorch.input_dtype(recipes.lookup("fp16")) == "float16"


def test_apps_read_what_the_file_says_about_itself(files) -> None:
    path = files["xnnpack", "int8"]
    program = Runtime.get().load_program(path.read_bytes())

    def ask(name: str) -> list[object]:
        return list(program.load_method(name).execute([]))

    assert tuple(ask("labels")) == LABELS
    assert ask("input_shape") == [1, 3, *SIZE] and ask("input_range") == [0, 255]
    assert ask("input_layout") == ["NCHW"] and ask("input_dtype") == ["float32"]
    assert ask("facts") == ['{"model": "net", "precision": "int8"}']
    constants = reading.constants(reading.read(path))
    assert constants["labels"] == LABELS and constants["version"] == ("1.2.3",)


@pytest.mark.parametrize("case", [("xnnpack", "int8"), ("coreml", "fp16")], ids="-".join)
def test_the_same_inputs_give_the_same_bytes(case, files, tmp_path: Path) -> None:
    if case[0] == "coreml":  # another program moves coremltools' counter of names on
        pytest.importorskip("coremltools").converters.mil.Builder.name_count["const"] += 10
    again = convert(net(), tmp_path / "again.pte", case[1], case[0]).read_bytes()
    assert again == files[case].read_bytes()
    assert tempfile.gettempdir().encode() not in again
    assert b"conversion_date" not in again


def test_the_exported_program_is_left_as_it_was(tmp_path: Path) -> None:
    model = net()
    convert(model, tmp_path / "model.pte", "fp16")
    for name, value in net().state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], value, rtol=0, atol=0)


def test_one_thread_computes_the_same_as_all_and_others_are_refused(files) -> None:
    path = files["xnnpack", "fp32"]
    one, every = executorch.runner(path, threads=1), executorch.runner(path)
    assert sqnr_db(every(IMAGES[0]), one(IMAGES[0])) > FLOORS_DB["fp32"]
    with pytest.raises(UsageError, match="on 1 thread or on all"):
        executorch.runner(path, threads=os.cpu_count() + 1)


def test_off_a_mac_core_ml_is_evaluated_and_says_so(files) -> None:
    assert "not run on Apple hardware" in executorch.runner(files["coreml", "fp16"]).runtime
    assert executorch.runner(files["xnnpack", "fp32"]).runtime.endswith("XNNPACK")
    assert executorch.inspect(files["coreml", "fp32"]).ops["conv"] == 9


VERBS = {
    "runner": executorch.runner,
    "inspect": executorch.inspect,
    "activations": lambda path: executorch.activations(path, IMAGES[0]),
}


@pytest.mark.parametrize("verb", VERBS)
def test_without_coremltools_a_core_ml_delegate_names_the_command(
    verb: str, files, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = files["coreml", "fp16"]
    monkeypatch.delitem(sys.modules, "slide_mobile_converters.executorch.coreml_delegate")
    monkeypatch.delattr(executorch, "coreml_delegate")
    monkeypatch.setitem(sys.modules, "coremltools", None)
    with pytest.raises(ToolchainMissing, match=r"needs coremltools.*slide-mobile\[executorch\]"):
        VERBS[verb](path)


@pytest.mark.parametrize("case", [("xnnpack", "fp32"), ("coreml", "fp32")], ids="-".join)
def test_names_of_other_operations_are_refused_in_one_line(case, files, tmp_path: Path) -> None:
    file = copy.deepcopy(reading.read(files[case]))
    reading.method(file, NAMES).outputs.pop()
    path = tmp_path / "model.pte"
    path.write_bytes(reading.write(file))
    with pytest.raises(ArtifactError, match=r"^[^\n]*9 convolutions and linears, 8 names[^\n]*$"):
        executorch.activations(path, IMAGES[0])


class Mixer(nn.Module):
    """Two linears on the tokens of a map, and an operation between them."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k = nn.Linear(16, 24), nn.Linear(16, 24)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """(1, 16, H, W) -> (1, H, W, 24)."""
        tokens = image.permute(0, 2, 3, 1)
        return self.q(tokens).sigmoid() * self.k(tokens)


def test_linears_behind_a_map_share_a_matrix_of_tokens() -> None:
    torch.manual_seed(0)
    image = torch.randn(1, 16, 5, 7)
    model = torch.export.export(Mixer(), (image,)).module()
    expected = model(image)
    rewrites.linears_on_rows(model)
    torch.testing.assert_close(model(image), expected)
    linears = [node for node in model.graph.nodes if node.target == rewrites.LINEAR]
    assert len({node.args[0] for node in linears}) == 1 and linears[0].next is linears[1]
    assert [rewrites.module_path(node) for node in linears] == ["q", "k"]

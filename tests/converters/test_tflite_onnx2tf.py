"""The second exporter for TFLite: names found again by weights, and what it refuses."""

import dataclasses
import os
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from ai_edge_litert.tools.flatbuffer_utils import convert_object_to_bytearray
from numpy.typing import NDArray
from torch import nn
from torch.export import ExportedProgram

import slide_mobile
from slide_mobile import models, recipes
from slide_mobile.deploy.export import export
from slide_mobile.deploy.rewriting import deploy
from slide_mobile.errors import EnvironmentMissing, GateFailed, UsageError
from slide_mobile.parity.source import ModelSource
from slide_mobile.targets import cached_folders, environments
from slide_mobile.targets.converter import Request
from slide_mobile.targets.format import Format
from slide_mobile_converters.tflite import onnx2tf, probe

MODEL, SIZE = "slide_swin_test", (64, 96)
REQUEST = Request(
    recipe=recipes.lookup("int8"),
    backend="xnnpack",
    via="onnx",
    labels=tuple("abcde"),
    title=MODEL,
    description="random weights",
    version="1",
    facts={},
)


@pytest.fixture(scope="module")
def program() -> ExportedProgram:
    return export(deploy(models.create(MODEL)), SIZE, "NHWC")


@pytest.mark.parametrize("path", ["head", "patch_embed.proj", "layers.0.blocks.1.mlp.fc1"])
def test_a_tensor_is_named_so_that_its_module_is_read_back(path: str) -> None:
    assert probe.module_path(onnx2tf.tensor_name(path)) == path


@pytest.mark.slow
def test_a_channels_last_program_gets_a_channels_first_image(program: ExportedProgram) -> None:
    image = torch.from_numpy(
        np.random.default_rng(0).integers(0, 256, (1, 3, *SIZE)).astype(np.float32)
    )
    turned = onnx2tf.channels_first(program)
    found = turned.module()(image=image)["logits"]
    expected = program.module()(image=image.permute(0, 2, 3, 1))["logits"]
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    assert onnx2tf.channels_first(turned) is turned


def test_weights_name_their_module_where_no_other_has_the_same() -> None:
    class Twins(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 2)
            self.one, self.two, self.lone = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)
            self.two.load_state_dict(self.one.state_dict())

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.conv(x).permute(0, 2, 3, 1)
            return self.lone(self.two(self.one(x)))

    twins = Twins().eval().requires_grad_(False)
    weights = onnx2tf.module_weights(torch.export.export(twins, (torch.zeros(1, 3, 8, 8),)))
    assert set(weights.values()) == {"conv", "lone"}
    assert weights[twins.conv.weight.permute(0, 2, 3, 1).numpy().tobytes()] == "conv"


def test_a_file_gets_its_names_and_signature_back(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    weight = draw.standard_normal((5, 4)).astype(np.float32)
    other = draw.standard_normal((4, 4)).astype(np.float32)
    path = tmp_path / "named.tflite"
    weights = {weight.tobytes(): "layers.0.head"}
    path.write_bytes(onnx2tf.with_names(two_linears(other, weight), weights))
    interpreter = Interpreter(str(path))
    assert interpreter.get_signature_list() == {
        "serving_default": {"inputs": ["image"], "outputs": ["logits"]}
    }
    found = probe.activations(path, np.full(4, 3, np.uint8))
    assert set(found) == {"layers.0.head"}
    expected = weight @ (other @ np.full(4, 3, np.float32))
    np.testing.assert_allclose(found["layers.0.head"][0], expected, rtol=1e-5)


def two_linears(*weights: NDArray[np.float32]) -> bytes:
    """A nameless .tflite of two FULLY_CONNECTED, written field by field."""
    model, graph, code = schema.ModelT(), schema.SubGraphT(), schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.FULLY_CONNECTED
    code.version, model.version = 1, 3
    model.operatorCodes, model.subgraphs, model.buffers = [code], [graph], [schema.BufferT()]
    graph.tensors, graph.operators = [], []

    def tensor(shape: tuple[int, ...], data: NDArray[np.float32] | None = None) -> int:
        made = schema.TensorT()
        made.shape, made.name, made.buffer = list(shape), f"t{len(graph.tensors)}", 0
        if data is not None:
            made.buffer = len(model.buffers)
            model.buffers.append(schema.BufferT())
            model.buffers[-1].data = np.frombuffer(data.tobytes(), np.uint8)
        graph.tensors.append(made)
        return len(graph.tensors) - 1

    last = tensor((1, 4))
    graph.inputs = [last]
    for weight in weights:
        op = schema.OperatorT()
        op.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
        op.builtinOptions = schema.FullyConnectedOptionsT()
        op.inputs = [last, tensor(weight.shape, weight), -1]
        last = tensor((1, len(weight)))
        op.outputs = [last]
        graph.operators.append(op)
    graph.outputs = [last]
    return bytes(convert_object_to_bytearray(model))


@pytest.mark.slow
def test_without_its_environment_the_command_that_makes_it_is_named(
    program: ExportedProgram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(cached_folders.FOLDER_VARIABLE, str(tmp_path))
    with pytest.raises(EnvironmentMissing, match=r"run slide-mobile doctor --install onnx2tf$"):
        onnx2tf.lower(program, REQUEST)


def test_only_classifiers_are_converted(program: ExportedProgram) -> None:
    with pytest.raises(UsageError, match="converts only classifiers, not features"):
        onnx2tf.lower(program, dataclasses.replace(REQUEST, task="features"))


def test_a_module_that_is_not_found_again_cannot_stay_in_float(
    program: ExportedProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environments, "python_of", lambda name: Path("python"))
    request = dataclasses.replace(REQUEST, float_modules=("no.such.module",))
    with pytest.raises(GateFailed, match=r"cannot keep no\.such\.module in float.*--via litert$"):
        onnx2tf.lower(program, request)


def test_an_interruption_ends_the_whole_process_group(tmp_path: Path) -> None:
    note = tmp_path / "child"
    process = subprocess.Popen(
        ["bash", "-c", f"sleep 60 & echo $! > {note}; wait"], start_new_session=True
    )
    with pytest.raises(KeyboardInterrupt), onnx2tf.group(process):
        while not (note.exists() and note.read_text().strip()):
            time.sleep(0.01)
        raise KeyboardInterrupt
    assert process.returncode is not None
    assert not _runs(int(note.read_text()))


def _runs(pid: int) -> bool:
    """Whether a process is alive; a killed child may wait for init to notice."""
    for _ in range(200):
        try:
            os.kill(pid, 0)
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (ProcessLookupError, FileNotFoundError):
            return False
        if state == "Z":
            return False
        time.sleep(0.01)
    return True


def test_the_reason_is_the_last_line_that_speaks_of_an_error() -> None:
    log = "I loading\n\nERROR: the op Foo is not supported\nTip: try -prf\n"
    assert onnx2tf.reason(log) == "ERROR: the op Foo is not supported"
    assert onnx2tf.reason("first\nlast\n") == "last"
    assert onnx2tf.reason("") == "it printed nothing"


@pytest.mark.full_size
def test_it_leads_to_the_same_logits(tmp_path: Path) -> None:
    if not environments.exists(onnx2tf.ENVIRONMENT):
        pytest.skip(environments.command(onnx2tf.ENVIRONMENT))
    made = slide_mobile.convert(
        ModelSource(MODEL, untrained=True), to=Format("tflite", "int8", via="onnx"), out=tmp_path
    )
    assert made.manifest.via == "onnx" and made.manifest.graph.partitions == 1
    assert made.manifest.parity.sqnr_db > 28  # 33.5 was measured
    check = slide_mobile.check(made.root)
    assert check.parity.passed and len(check.modules) >= 35

"""The second exporter of a float32 .tflite: torch.onnx, then onnx2tf in its own environment.

onnx2tf guesses memory layouts: it runs each operation in both frameworks on sample images. For that
the image must be channels first; with channels last, version 1.29 silently converted
slide_swin_test to a file with 53 dB. The samples must differ from pixel to pixel and cover the
range that the model takes, or transposed layouts look the same. onnx2tf reads the samples from a
file in its working folder, and would otherwise download one.

onnx2tf loses names, but keeps weights. So a convolution or linear gets its module path back by its
weights, unless another module has the same.
"""

import contextlib
import importlib.util
import os
import signal
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools.flatbuffer_utils import (
    convert_object_to_bytearray,
    read_model_from_bytearray,
)
from torch import Tensor, nn
from torch.export import ExportedProgram

from slide_mobile.errors import GateFailed, ToolchainMissing, UsageError
from slide_mobile.targets import environments
from slide_mobile.targets.converter import Request
from slide_mobile.tasks import deployed_path

ENVIRONMENT = "onnx2tf"
INPUT, OUTPUT = "image", "logits"
_OPSET = 20  # the first with Gelu, which onnx2tf converts to one operation

# onnx2tf reads this file in its working folder, or else downloads it.
_SAMPLES_FILE = "calibration_image_sample_data_20x128x128x3_float32.npy"
_SAMPLES_SHAPE = (20, 128, 128, 3)
# A proxy that does not exist: a download fails at once instead of happening unseen.
_NO_NETWORK = "http://127.0.0.1:9"


class _ChannelsFirst(nn.Module):
    """The same program with a channels-first image."""

    def __init__(self, program: ExportedProgram) -> None:
        super().__init__()
        self.program = program.module()

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """(1, 3, H, W) -> logits (1, num_classes)."""
        logits: dict[str, Tensor] = self.program(image=image.permute(0, 2, 3, 1))
        return logits


def lower(program: ExportedProgram, request: Request) -> bytes:
    """The program as a float32 .tflite with a channels-last image.

    Raises ToolchainMissing, EnvironmentMissing; UsageError for a model that onnx2tf cannot convert;
    GateFailed for float modules that cannot be found again in the file.
    """
    if request.task != "classify":
        raise UsageError(f"--via onnx converts only classifiers, not {request.task}: leave it out")
    for package in ("onnx", "onnxscript"):
        if importlib.util.find_spec(package) is None:
            raise ToolchainMissing("onnx", package)
    python = environments.python_of(ENVIRONMENT)
    weights = module_weights(program)
    if unnamed := sorted(set(request.float_modules) - set(weights.values())):
        raise GateFailed(
            f"int8 misses its floor, and onnx2tf cannot keep {', '.join(unnamed)} in float: "
            "it drops names, and these weights occur more than once; use --via litert"
        )
    model = to_onnx(channels_first(program))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "model.onnx").write_bytes(model)
        noise = np.random.default_rng(0).uniform(0, 255, _SAMPLES_SHAPE)
        np.save(folder / _SAMPLES_FILE, noise.astype(np.float32))
        log = _run(python, folder)
        written = folder / "out" / "model_float32.tflite"
        if not written.exists():
            raise UsageError(f"onnx2tf cannot convert this model: {reason(log)}; use --via litert")
        return with_names(written.read_bytes(), weights)


def channels_first(program: ExportedProgram) -> ExportedProgram:
    """The program with an image input of (1, 3, H, W), whatever layout it had."""
    _, kwargs = program.example_inputs
    shape = kwargs[INPUT].shape
    if shape[1] == 3:
        return program
    example = {INPUT: torch.zeros(1, 3, *shape[1:3])}
    with torch.no_grad():
        return torch.export.export(_ChannelsFirst(program), (), example)


def to_onnx(program: ExportedProgram) -> bytes:
    """The program as an ONNX file with its weights inside."""
    # Imported here because it takes seconds, and only this exporter needs it.
    import torch.onnx

    exported = torch.onnx.export(
        program, opset_version=_OPSET, output_names=[OUTPUT], verbose=False
    )
    assert exported is not None
    content: bytes = exported.model_proto.SerializeToString()
    return content


def _run(python: Path, folder: Path) -> str:
    """Run onnx2tf in its own process group, which ends with ours, and return its output."""
    proxies = {f"{p}_proxy": _NO_NETWORK for p in ("http", "https", "HTTP", "HTTPS")}
    command = [str(python), "-I", "-m", "onnx2tf", "-i", "model.onnx", "-o", "out", "-n"]
    log = folder / "log.txt"
    with (
        log.open("wb") as output,
        group(
            subprocess.Popen(
                command,
                cwd=folder,
                env={**os.environ, **proxies, "CUDA_VISIBLE_DEVICES": ""},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        ) as process,
    ):
        process.wait()
    return log.read_text(errors="replace")


@contextlib.contextmanager
def group(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """Kill the process and its children if the block ends first, for example by Ctrl-C."""
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def reason(log: str) -> str:
    """The last line of a log that contains "error", or else the last line."""
    lines = [" ".join(line.split()) for line in log.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines or ["it printed nothing"])[-1][:200]


Weights = dict[bytes, str]


def module_weights(program: ExportedProgram) -> Weights:
    """Path of each dense module whose weights are unique, by the bytes that TFLite stores."""
    found: Weights = {}
    uses: Counter[bytes] = Counter()
    for name, tensor in program.state_dict.items():
        path, _, kind = deployed_path(name).rpartition(".")
        if kind != "weight" or tensor.ndim not in {2, 4}:
            continue
        stored = tensor.permute(0, 2, 3, 1) if tensor.ndim == 4 else tensor
        key = stored.detach().numpy().tobytes()
        found[key] = path
        uses[key] += 1
    return {key: path for key, path in found.items() if uses[key] == 1}


def with_names(content: bytes, weights: Weights) -> bytes:
    """The file with the names that litert-torch gives to input, output and dense modules."""
    file = read_model_from_bytearray(content)
    (graph,) = file.subgraphs
    (image,), (logits,) = graph.inputs, graph.outputs
    graph.tensors[image].name, graph.tensors[logits].name = INPUT, OUTPUT
    keys = [_weight(file, graph, op) for op in graph.operators]
    uses = Counter(keys)
    for op, key in zip(graph.operators, keys, strict=True):
        # A module that runs more than once gets no name, because names must be unique.
        if key is not None and key in weights and uses[key] == 1:
            graph.tensors[op.outputs[0]].name = tensor_name(weights[key])
    file.signatureDefs = [_signature(int(image), int(logits))]
    named: bytes = bytes(convert_object_to_bytearray(file))
    return named


def tensor_name(path: str) -> str:
    """A tensor name for which `probe.module_path` returns this path."""
    *owners, last = path.split(".")
    scopes = [f"onnx.Module_{owner}" for owner in owners]
    return "/".join(["onnx2tf", "model", *scopes, f"torch.nn.modules.Dense_{last}"])


def _weight(file: Any, graph: Any, op: Any) -> bytes | None:
    code = file.operatorCodes[op.opcodeIndex].builtinCode
    if code not in {schema.BuiltinOperator.CONV_2D, schema.BuiltinOperator.FULLY_CONNECTED}:
        return None
    data = file.buffers[graph.tensors[op.inputs[1]].buffer].data
    return None if data is None else bytes(data)


def _signature(image: int, logits: int) -> Any:
    """The signature serving_default: image -> logits."""
    signature = schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = "serving_default", 0
    signature.inputs = [_tensor_map(INPUT, image)]
    signature.outputs = [_tensor_map(OUTPUT, logits)]
    return signature


def _tensor_map(name: str, index: int) -> Any:
    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = name, index
    return entry

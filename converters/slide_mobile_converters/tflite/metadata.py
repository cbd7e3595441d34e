"""What a .tflite says about itself, and versions of operations that match their types.

As tflite-support's MetadataPopulator does, two things are added: a metadata entry "TFLITE_METADATA"
whose buffer is a flatbuffer of its own (model_metadata.py), and labels.txt in a zip archive behind
the model. Runtimes ignore the archive, and any unzip opens it.

The backend "xnnpack-fp16" adds "reduced_precision_support" = "fp16accfp16". XNNPACK may then
compute in fp16, sums included, on CPUs that can; elsewhere it changes nothing
(tensorflow/compiler/mlir/lite/tools/optimize/reduced_precision_metadata.h).

All constants are aligned to 16 bytes, as the TFLite schema asks (`force_align: 16`). The generated
Python code for packing, which the quantizer uses, does not do that.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools.flatbuffer_utils import read_model_from_bytearray

from slide_mobile.errors import ArtifactError, UsageError
from slide_mobile.targets.converter import Request
from slide_mobile_converters.tflite import operations, versions
from slide_mobile_converters.tflite.model_metadata import LABELS_FILE, model_metadata

FP16_BACKEND = "xnnpack-fp16"
_METADATA_KEY = "TFLITE_METADATA"
_PRECISION_KEY = "reduced_precision_support"
_FP16_ARITHMETIC = b"fp16accfp16"
_ALIGNMENT_BYTES = 16
_OUR_MODULE = re.compile(rb"slide_mobile(?:\.\w+)*\.(?=[A-Z])")  # of slide_mobile.models.Stage_1

# What zipfile raises if there is no archive, or a damaged one; UnicodeDecodeError is a ValueError.
_ZIP_ERRORS = (zipfile.BadZipFile, KeyError, ValueError, RuntimeError, EOFError, zlib.error)


@dataclass(frozen=True, kw_only=True)
class _AlignedBuffer:
    """Takes the place of the schema's BufferT when a model is packed; aligns its bytes."""

    data: Any  # bytes or a numpy array of them; None for the empty buffer

    def Pack(self, builder: flatbuffers.Builder) -> int:  # noqa: N802
        """Write the buffer, and return its offset; the schema chose the name."""
        vector = 0
        if self.data is not None:
            content = np.frombuffer(self.data, np.uint8)
            builder.Prep(_ALIGNMENT_BYTES, content.size)
            vector = builder.CreateNumpyVector(content)
        schema.BufferStart(builder)
        schema.BufferAddData(builder, vector)  # writes no field for 0
        offset: int = schema.BufferEnd(builder)
        return offset


def attach(model: bytes, request: Request) -> bytes:
    """The same model with metadata inside and the labels behind it; replaces earlier ones.

    Operations get the version that their types need if the quantizer left an older one: a runtime
    that is too old then refuses the file instead of computing wrongly (versions.py). The same
    arguments give the same bytes. Raises UsageError for labels that do not match the logits.
    """
    file = read_model_from_bytearray(model)
    _raise_versions(file, model)
    _shorten_names(file)
    if request.task == "classify":
        _require_labels(request.labels, classes=_classes(file))
    _set_entry(file, _METADATA_KEY, model_metadata(request, _outputs(file, request)))
    if request.backend == FP16_BACKEND:
        _set_entry(file, _PRECISION_KEY, _FP16_ARITHMETIC)
    else:
        file.metadata = [entry for entry in file.metadata if _key(entry) != _PRECISION_KEY]
    file.buffers = [_AlignedBuffer(data=buffer.data) for buffer in file.buffers]
    builder = flatbuffers.Builder(len(model))
    builder.Finish(file.Pack(builder), file_identifier=b"TFL3")
    packed = bytes(builder.Output())
    return _with_labels(packed, request.labels) if request.labels else packed


def _raise_versions(file: Any, model: bytes) -> None:
    subgraphs, _ = operations.parse(model)
    for subgraph, ops in zip(file.subgraphs, subgraphs, strict=True):
        for packed, op in zip(subgraph.operators or (), ops, strict=True):
            code = file.operatorCodes[packed.opcodeIndex]
            code.version = max(code.version, versions.needed_version(op) or 1)


def _shorten_names(file: Any) -> None:
    """Take the Python module off the names of our classes in the names of tensors.

    litert-torch names a tensor after the classes of the running modules. With their Python modules
    these names are a fifth of the demo's file, and its bytes change when a class moves. Names are
    shortened last, because the quantizer samples tensors in the order of their names.
    """
    for graph in file.subgraphs:
        for tensor in graph.tensors:
            tensor.name = _OUR_MODULE.sub(b"", tensor.name)


def labels(path: Path) -> list[str]:
    """The labels in a .tflite, in the order of its logits; raises ArtifactError if it has none."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.read(LABELS_FILE).decode().splitlines()
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror}") from error
    except _ZIP_ERRORS as error:
        raise ArtifactError(f"{path} has no {LABELS_FILE}; convert the model again") from error


def _classes(file: Any) -> int:
    """Number of logits of a classifier; raises UsageError for any other model."""
    graph = file.subgraphs[0]
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise UsageError(
            f"the model has {len(graph.inputs)} inputs and {len(graph.outputs)} outputs; "
            "only a classifier with one image and one row of logits can be described"
        )
    return int(graph.tensors[graph.outputs[0]].shape[-1])


def _outputs(file: Any, request: Request) -> tuple[str, ...]:
    """Names of the outputs in the order of the graph; none of a classifier."""
    if request.task == "classify":
        return ()
    graph = file.subgraphs[0]
    names = {int(entry.tensorIndex): entry.name for entry in file.signatureDefs[0].outputs}
    return tuple(_text(names[int(index)]) for index in graph.outputs)


def _require_labels(labels: Sequence[str], *, classes: int) -> None:
    """Raise UsageError unless there is one label for each class and one line for each label."""
    if len(labels) != classes:
        raise UsageError(
            f"{len(labels)} labels for {classes} classes; give one label for each class"
        )
    for label in labels:
        if label.splitlines() != [label]:
            raise UsageError(f"the label {label!r} is not one line of text, as {LABELS_FILE} needs")


def _key(entry: Any) -> str:
    """The name of a metadata entry."""
    return _text(entry.name)


def _text(name: str | bytes) -> str:
    """A name as text: the object API reads bytes and writes text."""
    return name if isinstance(name, str) else str(name, "utf-8", "replace")


def _set_entry(file: Any, key: str, content: bytes) -> None:
    """Add a metadata entry, or replace its content, in place."""
    buffer = schema.BufferT()
    buffer.data = content
    file.metadata = file.metadata or []
    for entry in file.metadata:
        if _key(entry) == key:
            file.buffers[entry.buffer] = buffer
            return
    entry = schema.MetadataT()
    entry.name, entry.buffer = key, len(file.buffers)
    file.buffers.append(buffer)
    file.metadata.append(entry)


def _with_labels(model: bytes, labels: Sequence[str]) -> bytes:
    """The model with a zip behind it: stored, with nothing about the day or the machine."""
    stream = io.BytesIO(model)
    entry = zipfile.ZipInfo(LABELS_FILE, date_time=(1980, 1, 1, 0, 0, 0))
    entry.create_system = 3  # Unix, wherever it is written
    entry.external_attr = 0o644 << 16
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr(entry, "".join(f"{label}\n" for label in labels))
    return stream.getvalue()

"""Describe a .tflite file inside itself, the way Android's MetadataExtractor reads it.

Two additions, as tflite-support's MetadataPopulator makes them: a metadata entry "TFLITE_METADATA"
whose buffer is a flatbuffer of its own, and labels.txt in a zip archive behind the model, which
runtimes ignore and any unzip opens. The small flatbuffer is written field by field, because every
package with the generated schema (tflite-support, mediapipe) weighs 60 MB or more. Field numbers
are the order of declaration in tensorflow_lite_support/metadata/metadata_schema.fbs
(tensorflow/tflite-support 0.4.4).

`fp16_arithmetic` adds "reduced_precision_support" = "fp16accfp16", by which XNNPACK may compute in
fp16, sums included, on CPUs that can (tensorflow/compiler/mlir/lite/tools/optimize/
reduced_precision_metadata.h). Elsewhere the hint changes nothing.

Every constant is aligned to 16 bytes, as the TFLite schema asks (`force_align: 16`) and as the
generated Python packing, which the quantizer uses too, does not do.
"""

import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools.flatbuffer_utils import read_model_from_bytearray

from slide_mobile.errors import ArtifactError, UsageError
from slide_mobile_converters.tflite import operations, versions

LABELS_FILE = "labels.txt"
_METADATA_KEY = "TFLITE_METADATA"
_PRECISION_KEY = "reduced_precision_support"
_FP16_ARITHMETIC = b"fp16accfp16"
_ALIGNMENT_BYTES = 16
_MIN_PARSER_VERSION = "1.0.0"  # nothing here was added to the schema later

# What zipfile raises on an archive that is absent or damaged; UnicodeDecodeError is a ValueError.
_ZIP_ERRORS = (zipfile.BadZipFile, KeyError, ValueError, RuntimeError, EOFError, zlib.error)

# Values of the schema's enums and unions.
_TENSOR_AXIS_LABELS = 2
_RGB = 1
_IMAGE_PROPERTIES = 2
_NORMALIZATION_OPTIONS = 1


@dataclass(frozen=True, kw_only=True)
class Description:
    """What a .tflite file says about itself.

    `labels` are in the order of the logits, and empty for a file whose outputs are maps.
    """

    name: str
    description: str
    version: str
    author: str
    license: str
    labels: tuple[str, ...]
    fp16_arithmetic: bool = False


@dataclass(frozen=True, kw_only=True)
class _AlignedBuffer:
    """Stands in for the schema's BufferT when a model is packed, and aligns its bytes."""

    data: Any  # bytes or a numpy array of them; None for the empty buffer

    def Pack(self, builder: flatbuffers.Builder) -> int:  # noqa: N802
        """Write the buffer; the name is the schema's."""
        vector = 0
        if self.data is not None:
            content = np.frombuffer(self.data, np.uint8)
            builder.Prep(_ALIGNMENT_BYTES, content.size)
            vector = builder.CreateNumpyVector(content)
        schema.BufferStart(builder)
        schema.BufferAddData(builder, vector)  # 0 writes no field
        offset: int = schema.BufferEnd(builder)
        return offset


def attach(model: bytes, description: Description) -> bytes:
    """The same model, with the description inside and the labels behind it.

    Operations get the versions that their types need, where the quantizer left older ones: a
    runtime that is too old then refuses the file instead of computing nonsense (versions.py). The
    same arguments give the same bytes, and what an earlier call attached is replaced.
    """
    file = read_model_from_bytearray(model)
    _raise_versions(file, model)
    maps = () if description.labels else _maps(file)
    if not maps:
        _require_labels(description.labels, classes=_classes(file))
    _set_entry(file, _METADATA_KEY, _model_metadata(description, maps))
    if description.fp16_arithmetic:
        _set_entry(file, _PRECISION_KEY, _FP16_ARITHMETIC)
    else:
        file.metadata = [entry for entry in file.metadata if _key(entry) != _PRECISION_KEY]
    file.buffers = [_AlignedBuffer(data=buffer.data) for buffer in file.buffers]
    builder = flatbuffers.Builder(len(model))
    builder.Finish(file.Pack(builder), file_identifier=b"TFL3")
    packed = bytes(builder.Output())
    return _with_labels(packed, description.labels) if description.labels else packed


def _raise_versions(file: Any, model: bytes) -> None:
    subgraphs, _ = operations.parse(model)
    for subgraph, ops in zip(file.subgraphs, subgraphs, strict=True):
        for packed, op in zip(subgraph.operators or (), ops, strict=True):
            code = file.operatorCodes[packed.opcodeIndex]
            code.version = max(code.version, versions.needed_version(op) or 1)


def labels(path: Path) -> list[str]:
    """The labels that a .tflite file carries, in the order of its logits."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.read(LABELS_FILE).decode().splitlines()
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror}") from error
    except _ZIP_ERRORS as error:
        raise ArtifactError(f"{path} carries no {LABELS_FILE}; convert the model again") from error


def _classes(file: Any) -> int:
    """Width of the only output."""
    graph = file.subgraphs[0]
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise UsageError(
            f"the model has {len(graph.inputs)} inputs and {len(graph.outputs)} outputs; "
            "only a classifier with one image and one row of logits can be described"
        )
    return int(graph.tensors[graph.outputs[0]].shape[-1])


def _maps(file: Any) -> tuple[str, ...]:
    """Names of several outputs, in the order of the graph's; none where there is one."""
    graph = file.subgraphs[0]
    if len(graph.outputs) == 1 or len(file.signatureDefs or ()) != 1:
        return ()
    names = {int(entry.tensorIndex): entry.name for entry in file.signatureDefs[0].outputs}
    return tuple(_text(names[int(index)]) for index in graph.outputs)


def _require_labels(labels: Sequence[str], *, classes: int) -> None:
    """One label a class, and one line a label."""
    if len(labels) != classes:
        raise UsageError(f"{len(labels)} labels for {classes} classes; give one label a class")
    for label in labels:
        if label.splitlines() != [label]:
            raise UsageError(f"the label {label!r} is not one line of text; {LABELS_FILE} needs it")


def _key(entry: Any) -> str:
    """Name of a metadata entry."""
    return _text(entry.name)


def _text(name: str | bytes) -> str:
    """A name; the object API reads bytes and writes text."""
    return name if isinstance(name, str) else str(name, "utf-8", "replace")


def _set_entry(file: Any, key: str, content: bytes) -> None:
    """Add a metadata entry, or replace the content of the one there is."""
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
    """Append the zip; stored, not deflated, and with nothing of the day or machine in it."""
    stream = io.BytesIO(model)
    entry = zipfile.ZipInfo(LABELS_FILE, date_time=(1980, 1, 1, 0, 0, 0))
    entry.create_system = 3  # Unix, wherever it is written
    entry.external_attr = 0o644 << 16
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr(entry, "".join(f"{label}\n" for label in labels))
    return stream.getvalue()


def _model_metadata(description: Description, maps: Sequence[str]) -> bytes:
    """The ModelMetadata flatbuffer; `maps` are the outputs of a file that has no logits."""
    builder = flatbuffers.Builder(0)
    text = builder.CreateString
    image = _image(builder)
    described = [_map(builder, name) for name in maps] or [_logits(builder)]
    inputs, outputs = _vector(builder, [image]), _vector(builder, described)
    subgraph = _table(builder, {2: inputs, 3: outputs})
    fields = {
        0: text(description.name),
        1: text(description.description),
        2: text(description.version),
        3: _vector(builder, [subgraph]),
        4: text(description.author),
        5: text(description.license),
        7: text(_MIN_PARSER_VERSION),
    }
    builder.Finish(_table(builder, fields), file_identifier=b"M001")
    return bytes(builder.Output())


def _image(builder: flatbuffers.Builder) -> int:
    """TensorMetadata of the input: raw RGB, because normalisation is inside the model."""
    properties = _table(builder, {}, enums={0: _RGB})
    content = _table(builder, {1: properties}, enums={0: _IMAGE_PROPERTIES})
    normalization = _table(builder, {0: _floats(builder, 0.0), 1: _floats(builder, 1.0)})
    unit = _table(builder, {1: normalization}, enums={0: _NORMALIZATION_OPTIONS})
    fields = {
        0: builder.CreateString("image"),
        1: builder.CreateString("RGB image, values 0 to 255; normalisation is in the model"),
        3: content,
        4: _vector(builder, [unit]),
        5: _table(builder, {0: _floats(builder, 255.0), 1: _floats(builder, 0.0)}),
    }
    return _table(builder, fields)


def _logits(builder: flatbuffers.Builder) -> int:
    """TensorMetadata of the output."""
    names = {
        0: builder.CreateString(LABELS_FILE),
        1: builder.CreateString("Name of each class, one a line"),
    }
    file = _table(builder, names, enums={2: _TENSOR_AXIS_LABELS})
    fields = {
        0: builder.CreateString("logits"),
        1: builder.CreateString("One score a class, before softmax"),
        6: _vector(builder, [file]),
    }
    return _table(builder, fields)


def _map(builder: flatbuffers.Builder, name: str) -> int:
    """TensorMetadata of an output that is a map."""
    fields = {
        0: builder.CreateString(name),
        1: builder.CreateString("Map of a stage: rows, columns, channels"),
    }
    return _table(builder, fields)


def _table(
    builder: flatbuffers.Builder, offsets: Mapping[int, int], enums: Mapping[int, int] | None = None
) -> int:
    """A table from field numbers: offsets of what is already written, and one-byte enums."""
    enums = enums or {}
    builder.StartObject(1 + max((*offsets, *enums)))
    for field, offset in offsets.items():
        builder.PrependUOffsetTRelativeSlot(field, offset, 0)
    for field, value in enums.items():
        builder.PrependUint8Slot(field, value, 0)
    end: int = builder.EndObject()
    return end


def _vector(builder: flatbuffers.Builder, offsets: Sequence[int]) -> int:
    """A vector of tables."""
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    end: int = builder.EndVector()
    return end


def _floats(builder: flatbuffers.Builder, value: float) -> int:
    """A vector of one float, which readers spread over all channels."""
    end: int = builder.CreateNumpyVector(np.array([value], np.float32))
    return end

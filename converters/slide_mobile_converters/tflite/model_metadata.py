"""The flatbuffer ModelMetadata, which Android's MetadataExtractor reads.

It is written field by field, because each package with the generated schema (tflite-support,
mediapipe) weighs 60 MB or more. Field numbers are the order of declaration in
tensorflow_lite_support/metadata/metadata_schema.fbs (tensorflow/tflite-support 0.4.4).
"""

from collections.abc import Mapping, Sequence

import flatbuffers
import numpy as np

from slide_mobile.targets.converter import AUTHOR, LICENSE, Request

LABELS_FILE = "labels.txt"
_MIN_PARSER_VERSION = "1.0.0"  # all fields here are in the first version of the schema

# Values of the schema's enums and unions.
_TENSOR_AXIS_LABELS = 2
_RGB = 1
_IMAGE_PROPERTIES = 2
_NORMALIZATION_OPTIONS = 1


def model_metadata(request: Request, maps: Sequence[str]) -> bytes:
    """The flatbuffer; `maps` are the names of the outputs of a file without logits."""
    builder = flatbuffers.Builder(0)
    text = builder.CreateString
    image = _image(builder)
    what = "Map of a stage: rows, columns, channels"
    if request.task == "own":
        what = "Output of the network; a map has rows, columns, channels"
    described = [_map(builder, name, what) for name in maps] or [_logits(builder)]
    inputs, outputs = _vector(builder, [image]), _vector(builder, described)
    subgraph = _table(builder, {2: inputs, 3: outputs})
    fields = {
        0: text(request.title),
        1: text(request.description),
        2: text(request.version),
        3: _vector(builder, [subgraph]),
        4: text(AUTHOR),
        5: text(LICENSE),
        7: text(_MIN_PARSER_VERSION),
    }
    builder.Finish(_table(builder, fields), file_identifier=b"M001")
    return bytes(builder.Output())


def _image(builder: flatbuffers.Builder) -> int:
    """TensorMetadata of the input: raw RGB, because the model normalizes it."""
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


def _map(builder: flatbuffers.Builder, name: str, what: str) -> int:
    """TensorMetadata of an output that is no row of logits."""
    fields = {0: builder.CreateString(name), 1: builder.CreateString(what)}
    return _table(builder, fields)


def _table(
    builder: flatbuffers.Builder, offsets: Mapping[int, int], enums: Mapping[int, int] | None = None
) -> int:
    """A table of fields by number: offsets of written objects, and one-byte enums."""
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
    """A vector of one float, which readers use for all channels."""
    end: int = builder.CreateNumpyVector(np.array([value], np.float32))
    return end

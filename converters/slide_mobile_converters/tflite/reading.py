"""Read a .tflite that may be foreign or damaged, and load it with LiteRT; raises ArtifactError.

The file is read whole: a mapped file that is overwritten kills the process. The interpreter runs
the flatbuffers verifier first. Then shapes are checked, before anything is allocated for them.
"""

import contextlib
import struct
from collections.abc import Iterable, Iterator, Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from slide_mobile.errors import ArtifactError
from slide_mobile.isolation import files
from slide_mobile.tasks import LOGITS
from slide_mobile_converters.tflite.operations import Op, Tensor, parse

# A larger tensor is a damaged shape, and allocating it would stall the machine.
_MAX_TENSOR_BYTES = 1 << 30
_MAX_INPUT_ELEMENTS = 1 << 24  # an RGB image of 2,300 x 2,300 pixels
# Errors on reading what the flatbuffers verifier does not check.
UNVERIFIED = (ValueError, IndexError, KeyError, TypeError, AttributeError, struct.error)

Errors = tuple[type[Exception], ...]


def load(path: Path, *, threads: int = 1, **options: Any) -> Interpreter:
    """An allocated interpreter with LiteRT's defaults, or with `options`."""
    return load_content(read(path), path, threads=threads, **options)


def verified(path: Path) -> bytes:
    """The bytes of a file that the flatbuffers verifier and `bounded` accept."""
    model = read(path)
    interpreter(model, path)
    bounded(model, path)
    return model


def load_content(model: bytes, path: Path, *, threads: int = 1, **options: Any) -> Interpreter:
    """An allocated interpreter of a file's bytes; `path` is for messages."""
    loaded = interpreter(model, path, num_threads=threads, **options)
    bounded(model, path)
    allocate(loaded, path)
    return loaded


def outputs(loaded: Interpreter) -> dict[str, int]:
    """Tensor indices by output name; a single output without a signature holds logits.

    Raises ValueError for several outputs without a signature.
    """
    details, signatures = loaded.get_output_details(), loaded._get_full_signature_list()
    if len(details) == 1 and len(signatures) != 1:
        return {LOGITS: int(details[0]["index"])}
    (signature,) = signatures.values()
    return {name: int(index) for name, index in signature["outputs"].items()}


@contextlib.contextmanager
def artifact_errors(path: Path, errors: Errors = (ValueError, RuntimeError)) -> Iterator[None]:
    """Turn the errors of reading or running a damaged file into an ArtifactError of one line."""
    try:
        yield
    except errors as error:
        raise _damaged(path, str(error)) from error


def read(path: Path) -> bytes:
    """The bytes of the file."""
    try:
        model = files.read(path, most=files.MOST_MODEL_BYTES)
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror}") from error
    if model[4:8] != b"TFL3":
        raise ArtifactError(f"{path} is not a .tflite file: its identifier is not 'TFL3'")
    return model


def _damaged(path: Path, why: str) -> ArtifactError:
    """The error for a damaged file, in one line."""
    reason = " ".join(why.split()) or "no reason given"
    return ArtifactError(
        f"{path} is damaged, or LiteRT cannot run it: {reason}; convert the model again"
    )


def interpreter(model: bytes, path: Path, **options: Any) -> Interpreter:
    """An interpreter that has verified the flatbuffer and allocated nothing."""
    with artifact_errors(path):
        return Interpreter(model_content=model, **options)


def bounded(model: bytes, path: Path) -> tuple[list[list[Op]], list[Tensor]]:
    """Operations of each subgraph and all tensors, after checks for absurd shapes and loops."""
    with artifact_errors(path, UNVERIFIED):
        subgraphs, tensors = parse(model)
        _refuse_absurd(subgraphs[0], tensors, path)
    if any(op.name == "WHILE" for subgraph in subgraphs for op in subgraph):
        raise _damaged(path, "it has a loop, which might never end")
    return subgraphs, tensors


def allocate(loaded: Interpreter, path: Path) -> None:
    """Allocate the tensors, and check the shapes that are computed from constants."""
    with artifact_errors(path):
        loaded.allocate_tensors()
        for tensor in loaded.get_tensor_details():
            shape = [int(length) for length in tensor["shape"]]
            # The memory is reserved, but not yet written to.
            if prod(shape) * np.dtype(tensor["dtype"]).itemsize > _MAX_TENSOR_BYTES:
                raise _damaged(path, f"tensor {tensor['name']!r} gets the shape {shape}")


def _refuse_absurd(ops: Sequence[Op], tensors: Iterable[Tensor], path: Path) -> None:
    """Raise ArtifactError for a shape that would need absurd memory."""
    produced = {tensor for op in ops for tensor in op.outputs}
    sources = {tensor for op in ops for tensor in op.inputs if tensor and not tensor.constant}
    absurd = [tensor for tensor in tensors if tensor.bytes_at_least > _MAX_TENSOR_BYTES]
    absurd += [t for t in sources - produced if prod(t.shape) > _MAX_INPUT_ELEMENTS]
    if absurd:
        shape = list(absurd[0].shape)
        raise _damaged(path, f"tensor {absurd[0].name!r} claims the shape {shape}")

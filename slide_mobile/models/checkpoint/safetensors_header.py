"""The header of a .safetensors file, before safetensors and PyTorch believe it.

The file begins with the length of its header in 8 bytes, then JSON: of each tensor its type, shape
and place. PyTorch takes minutes for a tensor of a million dimensions.
"""

from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from slide_mobile.artifact import documents
from slide_mobile.artifact.documents import DocumentError
from slide_mobile.errors import CheckpointError
from slide_mobile.isolation import files

MOST_HEADER_BYTES = 1 << 20  # 10 times that of the largest model
MOST_TENSORS = 10_000
MOST_RANK = 16
Length = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]


class _Tensor(Struct, frozen=True):
    """One tensor of the header."""

    shape: Annotated[tuple[Length, ...], Meta(max_length=MOST_RANK)]


def require_sane(path: Path) -> None:
    """Raise CheckpointError for a header that is too large, or has absurd tensors."""
    with files.opened(path, most=files.MOST_WEIGHTS_BYTES) as file:
        size = int.from_bytes(file.read(8), "little")
        if size > MOST_HEADER_BYTES:
            raise CheckpointError(f"is truncated or damaged (its header claims {size} bytes)")
        data = file.read(size)
    try:
        entries = documents.decode(data, dict[str, object])
        entries.pop("__metadata__", None)
        if len(entries) > MOST_TENSORS:
            raise CheckpointError(f"has {len(entries)} tensors, more than {MOST_TENSORS}")
        documents.convert(entries, dict[str, _Tensor])
    except DocumentError as error:
        raise CheckpointError(f"is truncated or damaged ({documents.shortened(error)})") from error

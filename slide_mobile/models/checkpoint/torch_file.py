"""Read tensors from a file of `torch.save` without trusting any size that the file states.

There are two layouts (torch/serialization.py, torch 2.13). Since torch 1.6 the file is a zip of
uncompressed entries: `<root>/data.pkl`, and one `<root>/data/<key>` per storage. Before that it was
five pickles, then the storages, each an int64 count and its values. Only the tensors that the
caller picks are read. `torch.load` is not used, because it trusts the sizes in the pickle.
"""

import io
import math
import mmap
import pickle
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor

from slide_mobile.errors import CheckpointError
from slide_mobile.models.checkpoint.unpickle import Storage, Stored, Unreadable, shown, unpickle

__all__ = ["ZIP_MAGIC", "load"]

ZIP_MAGIC = b"PK\x03\x04"
# torch/serialization.py: MAGIC_NUMBER and PROTOCOL_VERSION of the old layout.
LEGACY_MAGIC, LEGACY_PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
# Errors that the standard library raises on damaged files; found by flipping bytes
# (test_torch_file.py).
DAMAGE = (
    pickle.UnpicklingError, zipfile.BadZipFile, struct.error, EOFError, OSError, ValueError,
    TypeError, LookupError, AttributeError, ArithmeticError, RuntimeError, MemoryError, Warning,
)  # fmt: skip

Tensors = dict[str, Tensor | Unreadable]


def load(path: Path, pick: Callable[[object], Mapping[str, object]]) -> Tensors:
    """Read the tensors that `pick` chooses from the file's root object.

    Picked values that are neither Stored nor Unreadable are left out. Raises CheckpointError.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            source = Zip(file) if data[:4] == ZIP_MAGIC else Legacy(data)
            return _read(pick(source.root), source, len(data))
        except DAMAGE as error:
            raise CheckpointError(f"is truncated or damaged ({shown(error)})") from error


def _read(picked: Mapping[str, object], source: "Zip | Legacy", limit_bytes: int) -> Tensors:
    """Read the picked tensors; raises CheckpointError if they claim more than the file holds."""
    tensors: Tensors = {}
    buffers: dict[str, bytearray] = {}
    read_bytes = values = 0
    for name, entry in picked.items():
        if not isinstance(entry, Stored):
            tensors |= {name: entry} if isinstance(entry, Unreadable) else {}
            continue
        entry.check()
        storage = entry.storage
        if storage.key not in buffers:
            buffers[storage.key] = source.read(storage)
            read_bytes += len(buffers[storage.key])
        values += math.prod(entry.shape)
        if max(read_bytes, values) > limit_bytes:
            raise CheckpointError("claims more values than fit into a file of its size")
        buffer = buffers[storage.key]
        if storage.numel * storage.dtype.itemsize > len(buffer):
            raise CheckpointError(f"is truncated inside {shown(name)}")
        flat = torch.frombuffer(buffer, dtype=storage.dtype) if buffer else torch.empty(0)
        tensors[name] = flat.as_strided(entry.shape, entry.stride, entry.offset)
    return tensors


class Zip:
    """Reader of the layout since torch 1.6."""

    def __init__(self, file: BinaryIO) -> None:
        self._zip = zipfile.ZipFile(file)
        found = [n for n in self._zip.NameToInfo if n.rpartition("/")[2] == "data.pkl"]
        if len(found) != 1:
            raise CheckpointError("is a zip archive, but not one that torch.save writes")
        self._folder = found[0].removesuffix("data.pkl")
        if f"{self._folder}constants.pkl" in self._zip.NameToInfo:
            raise CheckpointError("is a TorchScript program; save the state_dict() of the model")
        if self._zip.NameToInfo.get(f"{self._folder}byteorder"):
            _little_endian(self._entry("byteorder") == b"little")
        self.root = unpickle(io.BytesIO(self._entry("data.pkl")), {})

    def read(self, storage: Storage) -> bytearray:
        """Return the bytes of a storage; zipfile verifies their CRC."""
        return bytearray(self._entry(f"data/{storage.key}"))

    def _entry(self, name: str) -> bytes:
        """Return the bytes of an uncompressed entry; raises CheckpointError."""
        info = self._zip.getinfo(self._folder + name)
        if info.compress_type != zipfile.ZIP_STORED:
            raise CheckpointError(
                "has compressed entries, which torch.save does not write; save it again"
            )
        return self._zip.read(info)


class Legacy:
    """Reader of the layout before torch 1.6 (`_use_new_zipfile_serialization=False`)."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        storages: dict[str, Storage] = {}
        magic, protocol = unpickle(data, {}), unpickle(data, {})
        if (magic, protocol) != (LEGACY_MAGIC, LEGACY_PROTOCOL):
            raise CheckpointError("is a pickle, but not one that torch.save writes")
        system = unpickle(data, {})
        _little_endian(not isinstance(system, dict) or system.get("little_endian", True))
        self.root = unpickle(data, storages)
        self._spans: dict[str, slice] = {}
        for key in list(unpickle(data, {})):  # type: ignore[call-overload]  # TypeError: DAMAGE
            (count,) = struct.unpack("<q", data.read(8))
            start, size = data.tell(), count * storages[key].dtype.itemsize
            if not 0 <= size <= len(data) - start:
                raise CheckpointError("is truncated: it ends inside a storage")
            self._spans[key] = slice(start, start + size)
            data.seek(size, io.SEEK_CUR)

    def read(self, storage: Storage) -> bytearray:
        """Return the bytes of a storage."""
        return bytearray(self._data[self._spans[storage.key]])


def _little_endian(yes: object) -> None:
    """Raise CheckpointError unless the file's byte order is little-endian."""
    if not yes:
        raise CheckpointError("is big-endian; save it again on a little-endian machine")

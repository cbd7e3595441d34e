"""Tensors out of a file that `torch.save` wrote, without running anything the file holds.

A pickle is a program: it names functions and has them called. `torch.load(weights_only=True)`
stops at the yacs config inside the official checkpoints, `weights_only=False` runs whatever is
there, and both believe the sizes they are told. Here nothing a file names is imported or called:
tensors become `Stored` records, every other class an empty `Inert`, and a file that names or
calls a function is refused. Only the tensors that the caller picks are read.

Layouts (torch/serialization.py, torch 2.13): since torch 1.6 a zip of uncompressed entries,
`<root>/data.pkl` and one `<root>/data/<key>` a storage; before, five pickles in a row, then
for each storage an int64 count and its values.
"""

import builtins
import io
import math
import mmap
import pickle
import pickletools
import struct
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import torch
from torch import Tensor

from slide_mobile.errors import CheckpointError

__all__ = ["Inert", "Stored", "Unreadable", "load", "shown"]

ZIP_MAGIC = b"PK\x03\x04"
# torch/serialization.py: MAGIC_NUMBER and PROTOCOL_VERSION of the old layout.
LEGACY_MAGIC, LEGACY_PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
# What the standard library raises on damaged bytes, found by flipping them (test_unpickle.py).
DAMAGE = (
    pickle.UnpicklingError, zipfile.BadZipFile, struct.error, EOFError, OSError, ValueError,
    TypeError, LookupError, AttributeError, ArithmeticError, RuntimeError, MemoryError,
)  # fmt: skip
STORAGES = {
    "FloatStorage": torch.float32, "DoubleStorage": torch.float64, "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16, "LongStorage": torch.int64, "IntStorage": torch.int32,
    "ShortStorage": torch.int16, "CharStorage": torch.int8, "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool, "ComplexFloatStorage": torch.complex64,
    "ComplexDoubleStorage": torch.complex128, "UntypedStorage": torch.uint8,
}  # fmt: skip
# Modules of the standard library that only hold data; any other name from there is refused.
DATA_MODULES = frozenset({
    "argparse", "collections", "datetime", "decimal", "enum", "fractions", "pathlib", "types",
    "typing", "uuid",
})  # fmt: skip
# Functions and lower-case classes that rebuild data around weights, never weights.
HARMLESS = frozenset({
    "builtins.getattr", "copyreg._reconstructor", "copyreg.__newobj__", "copyreg.__newobj_ex__",
    "copy_reg._reconstructor", "_codecs.encode", "torch.device", "torch.serialization._get_layout",
    "numpy.dtype", "numpy.ndarray", "numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar",
    "numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct",
})  # fmt: skip


# Tuples, for a pickle can assign to the attributes of anything that has a __dict__.
class Storage(NamedTuple):
    """A run of values in the file."""

    key: str
    dtype: torch.dtype
    numel: int


class Stored(NamedTuple):
    """A tensor that is still in the file: a strided view of a storage."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    def check(self) -> None:
        """Raise CheckpointError unless the view lies inside its storage."""
        numbers = (self.offset, *self.shape, *self.stride)
        plain = isinstance(self.storage, Storage) and len(self.shape) == len(self.stride) <= 64
        if plain and all(isinstance(n, int) and 0 <= n < 2**40 for n in numbers):
            steps = zip(self.shape, self.stride, strict=True)
            last = self.offset + sum((n - 1) * step for n, step in steps)
            if not math.prod(self.shape) or last < self.storage.numel:
                return
        raise CheckpointError("holds a tensor that reaches outside its storage")


class Unreadable(NamedTuple):
    """A tensor of a kind that no weight has: sparse, quantised, or without a plain storage."""

    kind: str


class Inert(dict[object, object]):
    """Stands for an object of a class that is not imported; takes items, ignores everything else.

    A dict, because what is pickled around weights mostly is one (yacs' CfgNode, OrderedDict).
    """

    __slots__ = ()
    __hash__ = object.__hash__  # type: ignore[assignment]  # frozen configs serve as keys

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__()

    def __setstate__(self, *state: object) -> None:
        """Ignore attributes. On the class itself too: a file may address that."""

    append = extend = add = __setstate__


class Ordered(Inert):
    """An OrderedDict; Python 2 pickled it with its items as arguments."""

    __slots__ = ()

    def __init__(self, items: Any = ()) -> None:
        dict.__init__(self, items)


class Function:
    """A function that a file names: ours if it rebuilds a tensor, else refused when called."""

    __slots__ = ("_call", "_name")

    def __init__(self, name: str, call: Callable[..., object] | None = None) -> None:
        self._name, self._call = name, call

    def __call__(self, *args: object) -> object:
        if self._call is None:
            raise CheckpointError(f"refused: the file wants to run {shown(self._name)}")
        return self._call(*args)

    def __setstate__(self, *state: object) -> None:
        """Ignore what would change this function for the next file."""


def shown(text: object) -> str:
    """Text from a file, safe to print on one line."""
    return ascii(str(text))[1:-1][:100]


def load(path: Path, pick: Callable[[object], dict[str, object]]) -> dict[str, Tensor | Unreadable]:
    """Read the tensors among the values that `pick` chooses from the file's root object.

    A picked value that is neither Stored nor Unreadable is left out. Raises CheckpointError.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            source = Zip(file) if data[:4] == ZIP_MAGIC else Legacy(data)
            return _read(pick(source.root), source, len(data))
        except DAMAGE as error:
            raise CheckpointError(f"is truncated or damaged ({shown(error)})") from error


def _read(
    picked: dict[str, object], source: "Zip | Legacy", limit_bytes: int
) -> dict[str, Tensor | Unreadable]:
    """Materialise; a few bytes of pickle cannot claim more than the whole file holds."""
    tensors: dict[str, Tensor | Unreadable] = {}
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
            raise CheckpointError("claims more values than it has room for")
        buffer = buffers[storage.key]
        if storage.numel * storage.dtype.itemsize > len(buffer):
            raise CheckpointError(f"is truncated: {shown(name)} is longer than its storage")
        flat = torch.frombuffer(buffer, dtype=storage.dtype) if buffer else torch.empty(0)
        tensors[name] = flat.as_strided(entry.shape, entry.stride, entry.offset)
    return tensors


class Zip:
    """The layout since torch 1.6."""

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
        self.root = _unpickle(io.BytesIO(self._entry("data.pkl")), {})

    def read(self, storage: Storage) -> bytearray:
        """The bytes of a storage; zipfile verifies their CRC."""
        return bytearray(self._entry(f"data/{storage.key}"))

    def _entry(self, name: str) -> bytes:
        info = self._zip.getinfo(self._folder + name)
        if info.compress_type != zipfile.ZIP_STORED:
            raise CheckpointError("has compressed entries, torch.save writes none; save it again")
        return self._zip.read(info)


class Legacy:
    """The layout before torch 1.6, and of `_use_new_zipfile_serialization=False`."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        storages: dict[str, Storage] = {}
        magic, protocol = _unpickle(data, {}), _unpickle(data, {})
        if (magic, protocol) != (LEGACY_MAGIC, LEGACY_PROTOCOL):
            raise CheckpointError("is a pickle, but not one that torch.save writes")
        system = _unpickle(data, {})
        _little_endian(not isinstance(system, dict) or system.get("little_endian", True))
        self.root = _unpickle(data, storages)
        self._spans: dict[str, slice] = {}
        for key in list(_unpickle(data, {})):  # type: ignore[call-overload]  # TypeError: DAMAGE
            (count,) = struct.unpack("<q", data.read(8))
            start, size = data.tell(), count * storages[key].dtype.itemsize
            if not 0 <= size <= len(data) - start:
                raise CheckpointError("is truncated: it ends inside a storage")
            self._spans[key] = slice(start, start + size)
            data.seek(size, io.SEEK_CUR)

    def read(self, storage: Storage) -> bytearray:
        """The bytes of a storage."""
        return bytearray(self._data[self._spans[storage.key]])


def _little_endian(yes: object) -> None:
    if not yes:
        raise CheckpointError("is big-endian; save it again on a little-endian machine")


def _unpickle(file: BinaryIO | mmap.mmap, storages: dict[str, Storage]) -> object:
    """Run one pickle, from the file's position to its STOP; the storages it names are added."""
    start = file.tell()
    for opcode, argument, position in pickletools.genops(file):  # type: ignore[arg-type]
        # The C unpickler allocates the memo up to the index that it is told.
        if "PUT" in opcode.name and (argument or 0) > (position or 0):
            raise CheckpointError("refused: its pickle asks for an absurd amount of memory")
    end = file.tell()
    file.seek(start)
    return _Unpickler(file.read(end - start), storages).load()


class _Unpickler(pickle.Unpickler):
    """Resolves every name to something of this module; notes the storages."""

    def __init__(self, data: bytes, storages: dict[str, Storage]) -> None:
        super().__init__(io.BytesIO(data), encoding="latin1")  # never fails on Python 2's strings
        self._storages = storages

    def find_class(self, module: str, name: str, /) -> Any:
        full, package = f"{module}.{name}", module.partition(".")[0]
        if full in REBUILDERS:
            return REBUILDERS[full]
        if module in ("torch", "torch.storage", "torch.cuda") and name in STORAGES:
            return STORAGES[name]
        if module == "torch._utils" and name.startswith("_rebuild_"):
            return Function(full, lambda *_: Unreadable(name.removeprefix("_rebuild_")))
        if full in HARMLESS or module in DATA_MODULES or _is_constant(module, name):
            return _inert(module, name)
        if package in sys.stdlib_module_names:
            raise CheckpointError(f"refused: the file wants to run {shown(full)}")
        is_class = name.rpartition(".")[2].lstrip("_")[:1].isupper()
        return _inert(module, name) if is_class else Function(full)

    def persistent_load(self, pid: Any, /) -> Any:
        match pid:
            case ("module", kind, *_):
                return kind
            case ("storage", torch.dtype() as dtype, str(key), _, int(n), *view) if not any(view):
                return self._storages.setdefault(key, Storage(key, dtype, n))
        raise pickle.UnpicklingError("unknown persistent id")


def _is_constant(module: str, name: str) -> bool:
    """Whether the name is a built-in type, or one of torch's dtypes, layouts and formats."""
    if module in ("builtins", "__builtin__"):
        return isinstance(vars(builtins).get(name), type)
    return module == "torch" and type(vars(torch).get(name)).__module__ == "torch"


def _inert(module: str, name: str) -> type[Inert]:
    return type(name, (Inert,), {"__slots__": (), "__module__": module})


def _tensor(storage: Storage, offset: int, shape: Any, stride: Any, *_: object) -> Stored:
    return Stored(storage, offset, tuple(shape), tuple(stride))


def _from_type(rebuild: object, _type: object, args: Any, *_: object) -> object:
    """A tensor subclass, or a tensor with attributes."""
    return rebuild(*args) if isinstance(rebuild, Function) else Unreadable("tensor subclass")


_PARAMETER = Function("", lambda tensor, *_: tensor)
REBUILDERS: dict[str, object] = {
    "collections.OrderedDict": Ordered,
    "torch._utils._rebuild_tensor": Function("", _tensor),
    "torch._utils._rebuild_tensor_v2": Function("", _tensor),
    "torch._utils._rebuild_parameter": _PARAMETER,
    "torch._utils._rebuild_parameter_with_state": _PARAMETER,
    "torch._tensor._rebuild_from_type": Function("", _from_type),
    "torch._tensor._rebuild_from_type_v2": Function("", _from_type),
}

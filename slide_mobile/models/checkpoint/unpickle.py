"""Values out of a pickle that torch wrote, without importing or calling anything it names.

A pickle is a program: it names functions and has them called. `torch.load(weights_only=True)`
stops at the yacs config inside the official checkpoints, `weights_only=False` runs whatever is
there. Here tensors become `Stored` records, objects of other classes `Inert`, and a file that
calls a function is refused.
"""

import builtins
import io
import math
import mmap
import pickle
import pickletools
import sys
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Callable
from typing import Any, BinaryIO, NamedTuple

import torch

from slide_mobile.errors import CheckpointError

__all__ = ["Inert", "Storage", "Stored", "Unreadable", "shown", "unpickle"]

STORAGES = {
    "FloatStorage": torch.float32, "DoubleStorage": torch.float64, "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16, "LongStorage": torch.int64, "IntStorage": torch.int32,
    "ShortStorage": torch.int16, "CharStorage": torch.int8, "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool, "ComplexFloatStorage": torch.complex64,
    "ComplexDoubleStorage": torch.complex128, "UntypedStorage": torch.uint8,
    "QInt8Storage": torch.qint8, "QUInt8Storage": torch.quint8, "QInt32Storage": torch.qint32,
}  # fmt: skip
# Modules of the standard library that only hold data; any other name from there is refused.
DATA_MODULES = frozenset(
    {"argparse", "collections", "datetime", "decimal", "enum", "pathlib", "types", "typing"}
)
# Functions and lower-case classes that rebuild data around weights, never weights.
HARMLESS = frozenset({
    "builtins.getattr", "copyreg._reconstructor", "copyreg.__newobj__", "copyreg.__newobj_ex__",
    "_codecs.encode", "torch.device", "torch.serialization._get_layout",
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


def unpickle(file: BinaryIO | mmap.mmap, storages: dict[str, Storage]) -> object:
    """Run one pickle, from the file's position to its STOP.

    The storages that it names are added to `storages`. Raises CheckpointError, and on damage
    whatever the standard library does.
    """
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
        # Protocol 2, torch's choice, spells the standard library as Python 2 did.
        renamed = IMPORT_MAPPING.get(module, module), name
        module, name = NAME_MAPPING.get((module, name), renamed)
        full = f"{module}.{name}"
        if full in REBUILDERS:
            return REBUILDERS[full]
        if module in ("torch", "torch.storage", "torch.cuda") and name in STORAGES:
            return STORAGES[name]
        if module == "torch._utils" and name.startswith("_rebuild_"):
            return Function(full, lambda *_: Unreadable(name.removeprefix("_rebuild_")))
        data = full in HARMLESS or module in DATA_MODULES or _is_constant(module, name)
        if not data and module.partition(".")[0] in sys.stdlib_module_names:
            raise CheckpointError(f"refused: the file wants to run {shown(full)}")
        if data or name.rpartition(".")[2].lstrip("_")[:1].isupper():  # a class, by its spelling
            return type(name, (Inert,), {"__slots__": (), "__module__": module})
        return Function(full)

    def persistent_load(self, pid: Any, /) -> Any:
        match pid:
            case ("module", kind, *_):
                return kind
            case ("storage", torch.dtype() as dtype, str(key), _, int(n), *view) if not any(view):
                return self._storages.setdefault(key, Storage(key, dtype, n))
        raise pickle.UnpicklingError("unknown persistent id")


def _is_constant(module: str, name: str) -> bool:
    """Whether the name is a built-in type, or one of torch's dtypes, layouts and formats."""
    if module == "builtins":
        return isinstance(vars(builtins).get(name), type)
    return module == "torch" and type(vars(torch).get(name)).__module__ == "torch"


def _tensor(storage: Storage, offset: int, shape: Any, stride: Any, *_: object) -> Stored:
    return Stored(storage, offset, tuple(shape), tuple(stride))


def _from_type(rebuild: object, _type: object, args: Any, *_: object) -> object:
    """Rebuild a tensor subclass, or a tensor with attributes."""
    return rebuild(*args) if isinstance(rebuild, Function) else Unreadable("tensor subclass")


REBUILDERS = {
    "torch._utils._rebuild_tensor_v2": Function("", _tensor),
    "torch._utils._rebuild_parameter": Function("", lambda tensor, *_: tensor),
    "torch._utils._rebuild_parameter_with_state": Function("", lambda tensor, *_: tensor),
    "torch._tensor._rebuild_from_type_v2": Function("", _from_type),
}

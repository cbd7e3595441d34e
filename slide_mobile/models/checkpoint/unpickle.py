"""Read a pickle that torch wrote, without importing or calling anything that it names.

A pickle is a program that can call any function. `torch.load(weights_only=True)` fails on the yacs
config inside the official checkpoints, and `weights_only=False` runs any code in the file. Here
tensors become `Stored` records, objects of other classes become `Inert`, and a file that calls any
other function is refused.
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
# Modules of the standard library whose classes only hold data; the rest of the library is refused.
DATA_MODULES = frozenset({
    "argparse", "array", "collections", "datetime", "decimal", "enum", "fractions", "ipaddress",
    "pathlib", "random", "types", "typing", "uuid", "zoneinfo",
})  # fmt: skip
# Functions and lower-case classes that rebuild other data beside the weights, never weights. None
# is called: a placeholder takes its place, also of a partial, whose function is never called.
HARMLESS = frozenset({
    "builtins.getattr", "copyreg._reconstructor", "copyreg.__newobj__", "copyreg.__newobj_ex__",
    "_codecs.encode", "functools.partial", "logging.getLogger", "re._compile", "torch.device",
    "numpy.random._pickle.__randomstate_ctor", "numpy.random._pickle.__generator_ctor",
    "numpy.random._pickle.__bit_generator_ctor",
    "numpy.core.numeric._frombuffer", "numpy._core.numeric._frombuffer",
    "torch.serialization._get_layout",
    "numpy.dtype", "numpy.ndarray", "numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar",
    "numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct",
})  # fmt: skip


# These are tuples, because a pickle can set attributes of any object that has a __dict__.
class Storage(NamedTuple):
    """A storage: consecutive values in the file."""

    key: str
    dtype: torch.dtype
    numel: int


class Stored(NamedTuple):
    """A tensor that has not been read yet: a strided view of a storage."""

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
    """A tensor that cannot be a weight: sparse, quantized, or without a plain storage."""

    kind: str


class Inert(dict[object, object]):
    """Placeholder for an object whose class is not imported; keeps dict items, ignores the rest.

    It is a dict because most such objects are (yacs' CfgNode, OrderedDict).
    """

    __slots__ = ()
    __hash__ = object.__hash__  # type: ignore[assignment]  # frozen configs are used as keys

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__()

    def __setstate__(self, *state: object) -> None:
        """Ignore attributes, also those that a file sets on the class itself."""

    append = extend = add = __setstate__


class Function:
    """A function named by a file: a call runs our substitute, or raises if there is none."""

    __slots__ = ("_call", "_name")

    def __init__(self, name: str, call: Callable[..., object] | None = None) -> None:
        self._name, self._call = name, call

    def __call__(self, *args: object) -> object:
        """Run the substitute; raises CheckpointError if there is none."""
        if self._call is None:
            raise CheckpointError(f"refused: the file wants to run {shown(self._name)}")
        return self._call(*args)

    def __setstate__(self, *state: object) -> None:
        """Ignore attributes; they would change this function for the next file."""


def shown(text: object) -> str:
    """Escape text from a file so that it prints on one line, at most 100 characters."""
    return ascii(str(text))[1:-1][:100]


def unpickle(file: BinaryIO | mmap.mmap, storages: dict[str, Storage]) -> object:
    """Read one pickle, from the file's position to its STOP opcode.

    Adds the storages that it names to `storages`. Raises CheckpointError for a refused file, and
    errors of the standard library (torch_file.DAMAGE) for a damaged one.
    """
    start = file.tell()
    for opcode, argument, position in pickletools.genops(file):  # type: ignore[arg-type]
        # The C unpickler allocates its memo up to any index that the pickle states.
        if "PUT" in opcode.name and (argument or 0) > (position or 0):
            raise CheckpointError("refused: its pickle asks for far more memory than it needs")
    end = file.tell()
    file.seek(start)
    return _Unpickler(file.read(end - start), storages).load()


class _Unpickler(pickle.Unpickler):
    """An unpickler that resolves every name to an object of this module, and records storages."""

    def __init__(self, data: bytes, storages: dict[str, Storage]) -> None:
        super().__init__(io.BytesIO(data), encoding="latin1")  # reads any string of Python 2
        self._storages = storages

    def find_class(self, module: str, name: str, /) -> Any:
        """Return the harmless substitute of a name; raises CheckpointError for a refused one."""
        # torch uses protocol 2, which has the standard library's names of Python 2.
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
        data = data or name.startswith("__pyx_unpickle_")  # any class of Cython's
        if not data and module.partition(".")[0] in sys.stdlib_module_names:
            raise CheckpointError(f"refused: the file wants to run {shown(full)}")
        if data or name.rpartition(".")[2].lstrip("_")[:1].isupper():  # spelled like a class
            return type(name, (Inert,), {"__slots__": (), "__module__": module})
        return Function(full)

    def persistent_load(self, pid: Any, /) -> Any:
        """Return the Storage that a persistent id describes, or the kind of a pickled module."""
        match pid:
            case ("module", kind, *_):
                return kind
            case ("storage", torch.dtype() as dtype, str(key), _, int(n), *view) if not any(view):
                return self._storages.setdefault(key, Storage(key, dtype, n))
        raise pickle.UnpicklingError("unknown persistent id")


def _is_constant(module: str, name: str) -> bool:
    """Whether the name is a built-in type, or a torch dtype, layout or memory format."""
    if module == "builtins":
        return isinstance(vars(builtins).get(name), type)
    return module == "torch" and type(vars(torch).get(name)).__module__ == "torch"


def _tensor(storage: Storage, offset: int, shape: Any, stride: Any, *_: object) -> Stored:
    """Stand in for torch._utils._rebuild_tensor_v2."""
    return Stored(storage, offset, tuple(shape), tuple(stride))


def _from_type(rebuild: object, _type: object, args: Any, *_: object) -> object:
    """Stand in for torch._tensor._rebuild_from_type_v2: tensor subclasses, and attributes."""
    return rebuild(*args) if isinstance(rebuild, Function) else Unreadable("tensor subclass")


REBUILDERS = {
    "torch._utils._rebuild_tensor_v2": Function("", _tensor),
    "torch._utils._rebuild_parameter": Function("", lambda tensor, *_: tensor),
    "torch._utils._rebuild_parameter_with_state": Function("", lambda tensor, *_: tensor),
    "torch._tensor._rebuild_from_type_v2": Function("", _from_type),
}

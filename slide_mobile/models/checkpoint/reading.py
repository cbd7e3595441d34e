"""Read a checkpoint: its weights, under official names. A file is read in a child process.

Nothing in a file is executed. What stands around the weights is taken off or left out, and said:
containers (containers.py), prefixes (prefixes.py), counters and metrics, and the names that other
libraries give to the same weights (namings.py).
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor

from slide_mobile.errors import CheckpointError
from slide_mobile.isolation import files, isolated
from slide_mobile.isolation.files import StrPath
from slide_mobile.models.checkpoint import (
    containers,
    namings,
    prefixes,
    safetensors_header,
    shards,
    torch_file,
)
from slide_mobile.models.checkpoint.naming import Naming, translated
from slide_mobile.models.checkpoint.unpickle import Unreadable, shown
from slide_mobile.tasks import Weights

__all__ = ["Checkpoint", "in_memory", "read", "tensors_sha256"]

MEMORY = "the state dict"  # what messages call weights that are in no file

# Tables that the model builds itself, and counters: not weights.
BUFFER = re.compile(
    r"(?:^|\.)(?:relative_position_index|relative_coords_table|attn_mask|atten_mask_matrix"
    r"|n_averaged|num_batches_tracked)$"
)
PARAMETER = re.compile(r"(?:^|[._])(?:weight|bias|table|rpb|gamma\d?)$")
FLOATS = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
MOST_NAMED = 3  # keys that a note names
Found = Mapping[str, Tensor | Unreadable]


@dataclass(frozen=True, kw_only=True, eq=False)
class Checkpoint:
    """The weights of a file: finite float32 tensors by official name, without buffers.

    `path` is the file as messages name it, and `sha256` is over its bytes; weights in memory have
    the digest of their tensors. `naming` is that of the library which the file comes from, None for
    official names.
    """

    path: StrPath
    sha256: str
    tensors: Mapping[str, Tensor]
    notes: tuple[str, ...] = ()  # choices that were made for the user
    naming: Naming | None = None


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What a child process sends: the weights as arrays, which pickle copies without torch."""

    sha256: str
    arrays: dict[str, NDArray[np.float32]]
    notes: tuple[str, ...]
    naming: Naming | None


def read(path: StrPath, *, weights: Weights | None = None, ours: bool = False) -> Checkpoint:
    """Read a `.pth`, `.pt`, `.ckpt`, `.bin` or `.safetensors` file, or the index of a sharded one.

    Nothing in it is executed. If a file holds both raw and averaged weights, the averaged ones are
    taken, as their authors evaluate them, unless `weights` says otherwise; a note says which.
    A file of `ours`, which is a part of this package, is read without a child process. Raises
    CheckpointError, also for `weights` that the file does not have.
    """
    found = (_contents if ours else _isolated)(Path(path), weights)
    tensors = {name: torch.from_numpy(array) for name, array in found.arrays.items()}
    return Checkpoint(
        path=path,
        sha256=found.sha256,
        tensors=MappingProxyType(tensors),
        notes=found.notes,
        naming=found.naming,
    )


def in_memory(state_dict: Mapping[str, Tensor], *, weights: Weights | None = None) -> Checkpoint:
    """Take weights that this process already has; `weights` chooses as in `read`.

    The tensors may be on any device. Raises CheckpointError, also for what is not a tensor.
    """
    notes: list[str] = []
    try:
        for key, value in state_dict.items():
            _require_tensor(key, value)
        found = {key: value.detach().cpu() for key, value in state_dict.items()}
        tensors, naming = _official(_named(found, weights, notes, chosen=False), notes)
    except CheckpointError as error:
        raise CheckpointError(f"{MEMORY} {error}") from error
    return Checkpoint(
        path=MEMORY,
        sha256=tensors_sha256(tensors),
        tensors=MappingProxyType(tensors),
        notes=tuple(notes),
        naming=naming,
    )


def tensors_sha256(tensors: Mapping[str, Tensor]) -> str:
    """The sha256 of tensors: of name, type, shape and bytes of each, sorted by name.

    It does not depend on the file that they were in.
    """
    found = hashlib.sha256()
    for name, x in sorted(tensors.items()):
        found.update(f"{name} {x.dtype} {tuple(x.shape)}\n".encode())
        found.update(x.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def _require_tensor(key: object, value: object) -> None:
    """Raise CheckpointError unless this is a tensor with a name."""
    if not isinstance(key, str) or not isinstance(value, Tensor):
        inside = f", such as state_dict[{key!r}]" if isinstance(value, Mapping) else ""
        raise CheckpointError(
            f"holds {type(value).__name__} in {shown(key)}; give tensors by name{inside}"
        )
    if value.is_meta or value.layout is not torch.strided:
        raise CheckpointError(f"holds no values in {shown(key)}; give dense tensors with memory")


def _contents(path: Path, weights: Weights | None) -> Contents:
    """Read a file; errors name it."""
    try:
        return _read(path, weights)
    except CheckpointError as error:
        raise CheckpointError(f"{path} {error}") from error
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror})") from error


_isolated = isolated(error=CheckpointError, seconds=15)(_contents)  # in a child process


def _read(path: Path, weights: Weights | None) -> Contents:
    """Read a file; the messages of its errors continue a sentence that begins with the path."""
    if not path.exists():
        raise CheckpointError("does not exist")
    if path.is_dir():
        shards.refuse_folder(path)
    shards.refuse_part(path)
    notes: list[str] = []
    parts = shards.parts(path)
    found: dict[str, Tensor | Unreadable] = {}
    chosen = False
    for part in parts or [path]:
        tensors, of_kind = _tensors(part, weights, notes)
        found |= tensors
        chosen = chosen or of_kind
    sha256 = shards.digest(path, parts) if parts else _sha256(path)
    tensors, naming = _official(_named(found, weights, notes, chosen=chosen), notes)
    arrays = {name: tensor.contiguous().numpy() for name, tensor in tensors.items()}
    return Contents(sha256=sha256, arrays=arrays, notes=tuple(notes), naming=naming)


def _tensors(path: Path, weights: Weights | None, notes: list[str]) -> tuple[Found, bool]:
    """Read the tensors of one file, and whether they are what `weights` asks for."""
    with files.opened(path, most=files.MOST_WEIGHTS_BYTES) as file:
        head = file.read(16)
    if not head:
        raise CheckpointError("is empty")
    if head[8:9] == b"{":  # safetensors: the header's length in 8 bytes, then its JSON
        safetensors_header.require_sane(path)
        try:
            return safetensors.torch.load_file(path), False
        except SafetensorError as error:
            raise CheckpointError(f"is truncated or damaged ({shown(error)})") from error
    if not head.startswith((torch_file.ZIP_MAGIC, b"\x80")):
        start = shown(head.decode("latin1"))
        raise CheckpointError(f"is not a .pth, .pt or .safetensors file; it begins with {start}")
    chosen = False

    def pick(root: object) -> Mapping[str, object]:
        nonlocal chosen
        shards.refuse_root(root)
        state, chosen = containers.unwrap(root, weights, notes)
        shards.refuse_state(state)
        return state

    found = torch_file.load(path, pick)
    return found, chosen


def _sha256(path: Path) -> str:
    with files.opened(path, most=files.MOST_WEIGHTS_BYTES) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _named(
    found: Found, weights: Weights | None, notes: list[str], *, chosen: bool
) -> dict[str, Tensor]:
    """The weights of one network by plain name, in float32."""
    short: dict[str, str] = {}
    for key in found:
        name = prefixes.unwrapped(key)
        if BUFFER.search(name):
            continue
        if name in short:
            raise CheckpointError(f"has more than one tensor for {shown(name)}")
        short[name] = key
    plain = containers.one_network(list(short), weights, notes, chosen=chosen)
    tensors: dict[str, Tensor] = {}
    skipped: list[str] = []
    for name, final in plain.items():
        tensor = found[short[name]]
        if _is_metric(final, tensor):
            skipped.append(final)
        elif final in tensors:
            raise CheckpointError(f"has more than one tensor for {shown(final)}")
        else:
            tensors[final] = _finite(final, tensor)
    if skipped:
        more = f" and {len(skipped) - MOST_NAMED} more" if len(skipped) > MOST_NAMED else ""
        names = shown(", ".join(skipped[:MOST_NAMED]))
        notes.append(f"not weights, so left out: {names}{more}")
    if not tensors:
        raise CheckpointError("holds no weights, only counters and buffers")
    return tensors


def _official(
    tensors: dict[str, Tensor], notes: list[str]
) -> tuple[dict[str, Tensor], Naming | None]:
    """The tensors under official names, and the naming of the library that they come from."""
    naming = namings.naming_of(list(tensors))
    if naming is None:
        return tensors, None
    notes.append(f"keys of {naming.source}'s {naming.network}, renamed to the official ones")
    return translated(tensors, naming), naming


def _is_metric(name: str, tensor: Tensor | Unreadable) -> bool:
    """Whether a tensor is a metric or a counter: integers or one number, and no parameter."""
    if isinstance(tensor, Unreadable) or PARAMETER.search(name):
        return False
    whole = not tensor.dtype.is_floating_point and not tensor.dtype.is_complex
    return whole or tensor.ndim == 0


def _finite(name: str, tensor: Tensor | Unreadable) -> Tensor:
    """The tensor in float32; raises CheckpointError for other values than those of weights."""
    if isinstance(tensor, Unreadable) or tensor.dtype not in FLOATS:
        kind = tensor.kind if isinstance(tensor, Unreadable) else tensor.dtype
        raise CheckpointError(
            f"has {shown(kind)} values in {shown(name)}; weights are float32, float16, "
            "bfloat16 or float64"
        )
    single = tensor.to(torch.float32)
    if not single.isfinite().all():
        raise CheckpointError(f"has NaN or infinite values in {shown(name)}")
    return single

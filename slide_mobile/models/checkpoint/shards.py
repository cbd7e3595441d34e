"""Checkpoints in several files: those with an index are read, those of trainers are refused.

An index (`model.safetensors.index.json`) says which file holds which tensor, and the files are
beside it. DeepSpeed and FSDP cut tensors to pieces, and only their own tools put them together.
"""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from msgspec import Struct

from slide_mobile.artifact import documents
from slide_mobile.artifact.documents import DocumentError
from slide_mobile.errors import CheckpointError
from slide_mobile.isolation import files
from slide_mobile.models.checkpoint.unpickle import Stored, Unreadable, shown

__all__ = ["digest", "parts", "refuse_folder", "refuse_part", "refuse_root", "refuse_state"]

MOST_INDEX_BYTES = 1 << 22
MOST_PARTS = 256
_INDEX = re.compile(r"\.(?:safetensors|bin)\.index\.json$")
_PART = re.compile(r"^(?P<stem>.+)-\d{5}-of-\d{5}\.(?P<kind>safetensors|bin)$")
_NAME = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")
_DEEPSPEED = "python zero_to_fp32.py {folder} weights.pth"
_DCP = "python -m torch.distributed.checkpoint.format_utils dcp_to_torch {folder} weights.pth"
_MERGE = "merge its parts first: {command}"
_WHOLE = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin",
          "pytorch_model.bin.index.json")  # fmt: skip


class _Index(Struct, frozen=True):
    """The index of a sharded checkpoint: which file has which tensor."""

    weight_map: dict[str, str]


def parts(path: Path) -> list[Path]:
    """The files that an index names, none if the path is not an index.

    Raises CheckpointError for an index that is damaged, or names a file that is not beside it.
    """
    if not _INDEX.search(path.name):
        return []
    try:
        index = documents.decode(files.read(path, most=MOST_INDEX_BYTES), _Index)
    except DocumentError as error:
        raise CheckpointError(f"is not an index ({documents.shortened(error)})") from error
    names = sorted(set(index.weight_map.values()))
    if not 1 <= len(names) <= MOST_PARTS:
        raise CheckpointError(f"names {len(names)} files; 1 to {MOST_PARTS} are possible")
    for name in names:
        if not _NAME.match(name):
            raise CheckpointError(f"names a file that is not beside it: {shown(name)}")
        if not path.with_name(name).is_file():
            raise CheckpointError(f"names {shown(name)}, which is not beside it: copy all parts")
    return [path.with_name(name) for name in names]


def digest(path: Path, parts: list[Path]) -> str:
    """One sha256 for an index and its parts: that of the lines that `sha256sum` prints of them."""
    lines = (f"{files.sha256(part)}  {part.name}\n" for part in [path, *parts])
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def refuse_part(path: Path) -> None:
    """Raise CheckpointError for one part of several."""
    if (match := _PART.match(path.name)) is not None:
        index = f"{match['stem']}.{match['kind']}.index.json"
        raise CheckpointError(f"is one part of several: give {index}, which lies beside it")
    if path.suffix == ".distcp" or path.name == ".metadata":
        _refuse("is one part of a checkpoint of torch.distributed (FSDP)", _DCP, path.parent)
    if re.match(r"^(?:bf16_)?zero_pp_rank_\d+_mp_rank_\d+_", path.name):
        _refuse("is one part of a DeepSpeed checkpoint", _DEEPSPEED, path.parent.parent)


def refuse_folder(path: Path) -> NoReturn:
    """Raise CheckpointError, which says what to give, or how to merge what is in the folder."""
    inside = {one.name for one in list(path.iterdir())[:1000]}
    if ".metadata" in inside or any(name.endswith(".distcp") for name in inside):
        _refuse("is a sharded checkpoint of torch.distributed (FSDP)", _DCP, path)
    if "zero_to_fp32.py" in inside or any(name.endswith("_model_states.pt") for name in inside):
        folder = path if "latest" in inside else path.parent
        _refuse("is a sharded checkpoint of DeepSpeed", _DEEPSPEED, folder)
    whole = [name for name in _WHOLE if name in inside]
    if whole:
        raise CheckpointError(f"is not a file; give {path / whole[0]}")
    raise CheckpointError("is not a file; give the .pth, .pt or .safetensors file itself")


def refuse_root(root: object) -> None:
    """Raise CheckpointError for a DeepSpeed file without whole weights."""
    if not isinstance(root, dict) or "ds_version" not in root:
        return
    module = root.get("module")
    values = list(module.values()) if isinstance(module, dict) else []
    if not values or any(isinstance(v, Stored) and 0 in v.shape for v in values):
        _refuse("is one part of a DeepSpeed checkpoint", _DEEPSPEED, None)


def refuse_state(state: Mapping[str, object]) -> None:
    """Raise CheckpointError for weights that FSDP has flattened or cut to pieces."""
    flat = any(key.endswith("_flat_param") or "flat_param_" in key for key in state)
    cut = any(
        isinstance(value, Unreadable) and "shard" in value.kind.lower() for value in state.values()
    )
    if flat or cut:
        raise CheckpointError(
            "holds the pieces of FSDP, not whole weights: save it with FULL_STATE_DICT, or merge "
            f"the folder: {_DCP.format(folder='FOLDER')}"
        )


def _refuse(what: str, command: str, folder: Path | None) -> NoReturn:
    """Raise CheckpointError with the command that merges the parts."""
    where = "FOLDER" if folder is None else str(folder)
    raise CheckpointError(f"{what}: {_MERGE.format(command=command.format(folder=where))}")

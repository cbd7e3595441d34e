"""Files as torch.save writes them, and malicious files, for the tests of both readers."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from slide_mobile.errors import CheckpointError
from slide_mobile.models.checkpoint.torch_file import load

LAYOUTS = pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
WEIGHT = torch.arange(6.0).reshape(2, 3)


def pick_all(root: object) -> dict[str, object]:
    """Pick every entry of a dict, and nothing from any other object."""
    return {str(k): v for k, v in root.items()} if isinstance(root, dict) else {}


def save(path: Path, value: object, *, zipped: bool = True, protocol: int = 2) -> Path:
    """Save with torch.save."""
    torch.save(value, path, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    return path


def assemble(path: Path, pickled: bytes, storages: dict[str, bytes] | None = None) -> Path:
    """Write a zip file in torch's layout with a given pickle."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickled)
        for key, content in (storages or {}).items():
            archive.writestr(f"archive/data/{key}", content)
    return path


def tensor_pickle(numel: int, shape: str, stride: str, offset: int = 0) -> bytes:
    """Return a pickle, protocol 0, of {"w": a float32 tensor in storage "0"}."""
    return (
        "(S'w'\nctorch._utils\n_rebuild_tensor_v2\n"
        f"((S'storage'\nctorch\nFloatStorage\nS'0'\nS'cpu'\nI{numel}\ntQI{offset}\n"
        f"({shape}t({stride}tI00\nNtRd."
    ).encode()


def refusal(path: Path, pick: Callable[[object], dict[str, object]] = pick_all) -> str:
    """Return the message with which the file is refused."""
    with pytest.raises(CheckpointError) as caught:
        load(path, pick)
    assert "\n" not in str(caught.value)
    return str(caught.value)

"""Hostile files: checkpoints written opcode by opcode, and model files with random damage."""

import io
import json
import pickle
import random
import shutil
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from slide_mobile.artifact.folder import ArtifactFolder, digest

_MARK, _STOP = b"(", b"."


def archive(content: bytes, storages: Mapping[str, bytes] = {}) -> bytes:
    """A torch file around a pickle, with storages by key."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as zipped:
        zipped.writestr("a/data.pkl", content)
        zipped.writestr("a/version", "3\n")
        for key, value in storages.items():
            zipped.writestr(f"a/data/{key}", value)
    return file.getvalue()


def nested_key(depth: int) -> bytes:
    """{(((...),),): 1}: hashing the key recurses."""
    return b"\x80\x02}" + b")" + b"\x85" * depth + b"K\x01s" + _STOP


def nested_set(depth: int) -> bytes:
    """{((...),)} as a frozenset."""
    return b"\x80\x04" + _MARK + b")" + b"\x85" * depth + b"\x91" + _STOP


def shared_key(doublings: int) -> bytes:
    """{((x, x), (x, x)): 1} with each pair shared: hashing it takes 2^doublings steps."""
    return b"\x80\x02}" + b")" + b"2\x86" * doublings + b"K\x01s" + _STOP


def many_globals(count: int) -> bytes:
    """A list of classes that do not exist."""
    names = b"".join(b"cmodule%d\nClass%d\n0" % (i, i) for i in range(count))
    return b"\x80\x02" + names + b"}" + _STOP


def tensor(storage: bytes, shape: bytes, strides: bytes) -> bytes:
    """{"w": a tensor of a storage class with a shape and strides, as pickled tuples}."""
    stored = (
        _MARK + b"X\x07\x00\x00\x00storage" + b"ctorch\n" + storage + b"\n"
        b"X\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x10tQ"
    )
    rebuilt = b"ctorch._utils\n_rebuild_tensor_v2\n" + _MARK + stored + b"K\x00" + shape + strides
    return b"\x80\x02}X\x01\x00\x00\x00w" + rebuilt + b"\x89}tRs" + _STOP


def ints(*values: int) -> bytes:
    """A pickled tuple of whole numbers."""
    return _MARK + b"".join(pickle.dumps(v, 2)[2:-1] for v in values) + b"t"


def checkpoints() -> dict[str, bytes]:
    """Files that crashed, hung or swelled a reader, by what they are."""
    deep, data = 1_000_000, {"0": bytes(16 * 8)}
    of_shape: Callable[[bytes], bytes] = lambda shape: archive(  # noqa: E731
        tensor(b"FloatStorage", shape, ints(1)), data
    )
    return {
        "nested key": archive(nested_key(deep)),
        "nested set": archive(nested_set(deep)),
        "nested shape": of_shape(b")" + b"\x85" * deep),
        "nested list": archive(b"\x80\x02" + b"]" + b"]2a" * deep + _STOP),
        "shared key": archive(shared_key(60)),
        "globals": archive(many_globals(500_000)),
        "huge shape": of_shape(ints(1 << 40)),
        "negative shape": of_shape(ints(-5)),
        "many dimensions": archive(
            tensor(b"FloatStorage", ints(*[1] * 100_000), ints(*[1] * 100_000)), data
        ),
        "overlapping strides": archive(
            tensor(b"FloatStorage", ints(1 << 20, 1 << 20), ints(0, 0)), data
        ),
        **{
            f"{kind}": archive(tensor(kind.encode(), ints(4), ints(1)), data)
            for kind in ("QInt8Storage", "QUInt8Storage", "QInt32Storage", "UntypedStorage")
        },
        "no storage": archive(tensor(b"FloatStorage", ints(4), ints(1))),
        "a bomb": archive(nested_key(1), {"0": bytes(1 << 28)}),
        "safetensors header": (1 << 60).to_bytes(8, "little") + b"{}",
        "safetensors dimensions": _safetensors(
            {"w": {"dtype": "F32", "shape": [1] * 1_000_000, "data_offsets": [0, 4]}}, 4
        ),
        "safetensors offsets": _safetensors(
            {"w": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 1 << 42]}}, 4
        ),
    }


def _safetensors(header: object, size: int) -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes(size)


def damaged(artifact: ArtifactFolder, folder: Path, seed: int) -> Path:
    """A copy whose model file has a few other bytes, and whose manifest fits it."""
    draw = random.Random(seed)
    shutil.copytree(artifact.root, folder)
    model = folder / artifact.manifest.file
    files = sorted(
        path for path in ([model] if model.is_file() else model.rglob("*")) if path.is_file()
    )
    path = draw.choice(files)
    content = bytearray(path.read_bytes())
    for _ in range(draw.choice((1, 4, 16))):
        # Graphs are at one end of a file or the other, and weights between them.
        edge = min(len(content), 1 << 16)
        at = (
            draw.randrange(edge) if draw.random() < 0.5 else len(content) - 1 - draw.randrange(edge)
        )
        size = draw.choice((1, 4))
        content[at : at + size] = draw.choice((b"\0" * 4, b"\xff" * 4, draw.randbytes(4)))[:size]
    path.write_bytes(content)
    resealed(folder)
    return folder


def resealed(folder: Path) -> None:
    """Make the manifest's digests those of the files."""
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["files"] = {name: digest(folder / name) for name in manifest["files"]}
    (folder / "manifest.json").write_text(json.dumps(manifest))

"""Whatever lies in place of a file of an artifact: one line, exit code 1 or 2, and at once."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from artifact_folders import folder, manifest, plain, plain_features, rewrite
from calls_in_process import outcome
from hostile_files import KINDS, put

from slide_mobile.artifact import documents, golden
from slide_mobile.artifact.documents import DocumentError, decode
from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.artifact.manifest import Manifest
from slide_mobile.errors import ArtifactError, GateFailed

FILES = ("manifest.json", "model.tflite", "labels.txt", "golden/00.ppm", "lab.json")
COMMANDS = (
    ("check",), ("inspect",), ("embed", "--app", "app"), ("lab",), ("report", "--out", "r.md"),
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: words[0])
def test_a_file_that_is_something_else(
    command: tuple[str, ...],
    file: str,
    kind: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app").mkdir()
    root = folder(tmp_path / "a").root
    put(kind, root / file)
    code, lines = outcome(command[0], root, *command[1:])
    assert code in {1, 2} or (file == "lab.json" and command[0] in {"embed", "inspect"}), lines
    assert len(lines) <= 1


def headers() -> dict[str, bytes]:
    """Hostile .safetensors by name."""

    def header(plain: object) -> bytes:
        data = json.dumps(plain).encode()
        return struct.pack("<Q", len(data)) + data

    def one(**changes: object) -> bytes:
        entry = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]} | changes
        return header({"stage1": entry, "stage1.places": entry}) + b"\0" * 8

    return {
        "rank": one(shape=[1] * 100_000),
        "type": one(dtype="BF16"),
        "no type": one(dtype="X9"),
        "8-bit": one(dtype="F8_E4M3"),
        "size": one(shape=[1 << 62]),
        "negative": one(shape=[-1]),
        "length": struct.pack("<Q", (1 << 64) - 1),
        "deep": struct.pack("<Q", 200_000) + b"[" * 200_000,
        "empty": b"",
    }


@pytest.mark.parametrize("name", headers())
def test_recorded_maps_that_are_damaged(name: str, tmp_path: Path) -> None:
    art = _features(tmp_path)
    (tmp_path / "golden/00.safetensors").write_bytes(headers()[name])
    with pytest.raises(GateFailed):
        golden.read(art)


def _features(root: Path) -> ArtifactFolder:
    """An artifact of feature maps, whose files are not there."""
    (root / "golden").mkdir()
    return ArtifactFolder(root=root, manifest=manifest(plain_features()), manifest_sha256="0" * 64)


@pytest.mark.parametrize("shape", [(1, 1), (1, 0, 0, 16), (1, 1, 1, 16), (1, 2, 3), (1,)])
def test_maps_of_a_file_that_are_too_small(shape: tuple[int, ...]) -> None:
    recorded = golden.Recorded(outputs={}, places={"stage1": np.array([[[1, 2]]], np.int32)})
    with pytest.raises(ArtifactError, match="maps of the shape"):
        recorded.seen_in({"stage1": np.zeros(shape, np.float32)})


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"9" * 5_000,
        b"-" + b"9" * 5_000,
        b"1e" + b"9" * 5_000,
        b'{"a": 1' + b"0" * 400 + b"}",
        b"\xff\xfe",
        b"\0",
        b'"\\ud800"',
        b'{"\xc2\x80": NaN}',
        b"[1," * 3,
        b"{" + b",".join(b'"%d":0' % n for n in range(200_000)) + b',"199999":0}',
    ],
    ids=lambda data: repr(data[:8]),
)
def test_a_document_is_refused_in_bounded_time(data: bytes) -> None:
    with pytest.raises(DocumentError) as caught:
        decode(data, Manifest)
    assert len(str(caught.value)) < 400


def test_a_document_has_a_largest_size() -> None:
    with pytest.raises(DocumentError, match="more than"):
        decode(b" " * (documents.MOST_BYTES + 1), Manifest)


@pytest.mark.parametrize(
    "changes",
    [
        {"input": plain()["input"] | {"shape": [1, 16384, 16384, 3]}},
        {"input": plain()["input"] | {"shape": [1, 1 << 40, 8, 3]}},
        {"outputs": [{"name": "logits", "shape": [1, 10**6], "dtype": "float32", "layout": None}]},
        {"file": "x" * 300},
        {"files": {"x" * 256: "0" * 64}},
        {"files": {f"f{n}": "0" * 64 for n in range(10_001)}},
        {"float_modules": ["m"] * 10_001},
        {"size_bytes": 10**400},
        {"parity": plain()["parity"] | {"sqnr_db": 10**400}},
        {"notes": ["x" * 100_001]},
        {"model": plain()["model"] | {"params": 10**19}},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_manifest_has_bounds(changes: dict[str, object], tmp_path: Path) -> None:
    root = folder(tmp_path / "a").root
    (root / "manifest.json").write_text(json.dumps(plain() | changes))
    code, lines = outcome("inspect", root)
    assert code == 1 and len(lines) == 1 and len(lines[0]) <= 310


def test_many_large_files_are_refused_before_they_are_read(tmp_path: Path) -> None:
    root = folder(tmp_path / "a").root
    names = {f"big{number}": "0" * 64 for number in range(20)}
    rewrite(root, files=names | ArtifactFolder.open(root).manifest.files)
    for name in names:
        with (root / name).open("wb") as file:
            file.truncate(4 << 30)
    with pytest.raises(GateFailed, match="MiB, more than"):
        ArtifactFolder.open(root).verify()

"""The artifact folder: a model file, what is true of it, and the images that prove it.

    <out>/<model>-<target>-<precision>/
        model.tflite | model.pte | model.mlpackage/ | model.onnx
        manifest.json    schema 1: the Manifest below
        labels.txt       one label a line
        golden/00.png    images at input size; their reference logits are in the manifest

An artifact appears whole or not at all: it is built in a hidden sibling folder and renamed.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slide_mobile.errors import ArtifactError, GateFailed, OutputError

SCHEMA_VERSION = 1
MANIFEST = "manifest.json"
LABELS = "labels.txt"


@dataclass(frozen=True, kw_only=True)
class Graph:
    """What the written file holds, read back from disk by its converter.

    `partitions` counts delegate partitions, `delegated_ops` of `total_ops` run inside them;
    `int8_mac_fraction` is the share, in 0..1, of multiply-adds whose kernel computes in int8.
    `min_runtime` is the oldest runtime version whose kernels cover every operation, where known.
    """

    ops: Mapping[str, int]
    max_rank: int
    partitions: int
    delegated_ops: int
    total_ops: int
    int8_mac_fraction: float
    min_runtime: str | None = None
    findings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Golden:
    """One image of the parity capsule, with the reference model's logits for it."""

    file: str  # relative to the folder
    sha256: str
    label: str | None
    logits: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What is true of the artifact. Plain mappings mirror the JSON; see the README for each key."""

    model: Mapping[str, Any]
    target: str
    precision: str
    backend: str
    file: str
    file_sha256: str
    size_bytes: int
    input: Mapping[str, Any]
    output: Mapping[str, Any]
    graph: Graph
    parity: Mapping[str, Any]
    accuracy: Mapping[str, Any] | None
    calibration: Mapping[str, Any] | None
    golden: tuple[Golden, ...]
    notes: tuple[str, ...]
    toolchain: Mapping[str, str]
    created: str
    schema_version: int = SCHEMA_VERSION

    def to_json(self) -> dict[str, Any]:
        """Plain dictionaries, lists and numbers."""
        plain: dict[str, Any] = dataclasses.asdict(self)
        return plain

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> "Manifest":
        """The inverse of `to_json`; raises ArtifactError for anything that is not a manifest."""
        version = plain.get("schema_version")
        if version != SCHEMA_VERSION:
            raise ArtifactError(
                f"manifest schema {version!r} is not {SCHEMA_VERSION}: "
                "convert the model again with this version"
            )
        try:
            graph = Graph(**{**plain["graph"], "findings": tuple(plain["graph"]["findings"])})
            golden = tuple(
                Golden(**{**g, "logits": tuple(map(float, g["logits"]))}) for g in plain["golden"]
            )
            return cls(
                **{**plain, "graph": graph, "golden": golden, "notes": tuple(plain["notes"])}
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ArtifactError(f"the manifest is damaged ({error})") from error


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """An artifact folder on disk."""

    root: Path
    manifest: Manifest

    @property
    def model_path(self) -> Path:
        """The model file or package."""
        return self.root / self.manifest.file

    @property
    def input_size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        shape, layout = self.manifest.input["shape"], self.manifest.input["layout"]
        return (shape[1], shape[2]) if layout == "NHWC" else (shape[2], shape[3])

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names, in the order of the logits."""
        return tuple((self.root / LABELS).read_text(encoding="utf-8").splitlines())

    @classmethod
    def open(cls, root: Path) -> "Artifact":
        """Read a folder's manifest; raises ArtifactError if it is not an artifact."""
        path = root / MANIFEST
        try:
            plain = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise ArtifactError(
                f"{root} is not an artifact folder: it has no {MANIFEST}"
            ) from error
        except NotADirectoryError as error:
            raise ArtifactError(f"{root} is a file; give the artifact's folder") from error
        except (OSError, ValueError) as error:
            raise ArtifactError(f"{path} cannot be read ({error})") from error
        if not isinstance(plain, dict):
            raise ArtifactError(f"{path} is not a manifest")
        return cls(root=root, manifest=Manifest.from_json(plain))

    def verify(self) -> None:
        """Raise GateFailed if a file is missing or is not the one that was certified."""
        expected = {self.manifest.file: self.manifest.file_sha256}
        expected |= {golden.file: golden.sha256 for golden in self.manifest.golden}
        for name, sha256 in expected.items():
            path = self.root / name
            if not path.exists():
                raise GateFailed(f"{path} is missing; convert the model again")
            if (found := digest(path)) != sha256:
                raise GateFailed(
                    f"{path} was changed after it was certified: sha256 {found[:12]}..., "
                    f"the manifest has {sha256[:12]}...; convert the model again"
                )
        if len(self.labels) != self.manifest.model["num_classes"]:
            raise GateFailed(f"{self.root / LABELS} does not have one line for each class")


def digest(path: Path) -> str:
    """sha256 of a file; of a folder, over its sorted relative paths and contents."""
    total = hashlib.sha256()
    if path.is_file():
        total.update(path.read_bytes())
    else:
        for item in sorted(p for p in path.rglob("*") if p.is_file()):
            total.update(item.relative_to(path).as_posix().encode() + b"\0")
            total.update(hashlib.sha256(item.read_bytes()).digest())
    return total.hexdigest()


@contextlib.contextmanager
def staging(root: Path, *, force: bool) -> Iterator[Path]:
    """A hidden sibling of `root` to build in; it becomes `root` when the block ends well.

    An existing `root` is replaced only with `force`, and only at the end. Whatever ends the block
    early (an error, Ctrl-C) leaves `root` as it was; what a killed process left is swept by the
    next run. Raises OutputError where it cannot write.
    """
    if root.exists() and not force:
        raise OutputError(f"{root} exists; choose another --out, or replace it with --force")
    partial = root.with_name(f".{root.name}.partial-{uuid.uuid4().hex[:8]}")
    try:
        for stale in root.parent.glob(f".{root.name}.partial-*"):
            shutil.rmtree(stale, ignore_errors=True)
        partial.mkdir(parents=True)
    except OSError as error:
        raise OutputError(f"cannot write to {root.parent}: {error.strerror}") from error
    try:
        yield partial
        _replace(partial, root)
    except OSError as error:
        raise OutputError(
            f"cannot write to {root.parent}: {error.strerror or error}; nothing was kept"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _replace(partial: Path, root: Path) -> None:
    old = root.with_name(partial.name + "-old")
    if root.exists():
        root.rename(old)
    try:
        partial.rename(root)
    except OSError:
        if old.exists():
            old.rename(root)
        raise
    shutil.rmtree(old, ignore_errors=True)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write manifest.json, durably."""
    text = json.dumps(manifest.to_json(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with (folder / MANIFEST).open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())

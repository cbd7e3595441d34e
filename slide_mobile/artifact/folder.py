"""The artifact folder on disk: open it, and verify it file by file.

<out>/<model>-<target>-<precision>/       <model>-features-... for the task "features"
model.tflite | model.pte | model.mlpackage/ | model.onnx
manifest.json            describes the artifact, and lists the sha256 of its files (manifest.py)
labels.txt               one label per line; classifiers only
golden/00.ppm            images at input size, exact bytes (golden.py)
golden/00.safetensors    features only: PyTorch's maps for that image, at some positions
lab.json                 results of labs
bom.cdx.json, model.sig  what made the file, and a signature over all other files (signing/)
"""

import contextlib
import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from slide_mobile.artifact import documents
from slide_mobile.artifact import manifest as manifests
from slide_mobile.artifact.manifest import LABELS, MANIFEST, Manifest
from slide_mobile.errors import ArtifactError, GateFailed
from slide_mobile.isolation import files

BOM = "bom.cdx.json"  # what made the file, written when it is signed (signing/bom.py)
LAB = "lab.json"  # results of labs; written after the manifest, which does not list it
SIGNATURE = "model.sig"  # signs every other file; the name that OpenSSF Model Signing gives it
MOST_LABELS_BYTES = 1 << 24  # 100,000 labels of 160 characters

# Every file matches the manifest. To prove that nobody changed the manifest itself takes a
# signature, or a digest of it that is kept elsewhere.
Integrity = Literal["self-consistent"]
SELF_CONSISTENT: Integrity = "self-consistent"


@dataclass(frozen=True, kw_only=True)
class ArtifactFolder:
    """An artifact folder whose manifest has been read; `verify` checks the other files.

    `manifest_sha256` is over the bytes of manifest.json. Nothing inside the folder protects the
    manifest: to recognize an artifact later, keep this digest somewhere else.
    """

    root: Path
    manifest: Manifest
    manifest_sha256: str

    def __repr__(self) -> str:
        """Return one line: the folder, and the kind of artifact in it."""
        return f"<Artifact {self.root}: {self.manifest!r}>"

    @property
    def model_path(self) -> Path:
        """Path of the model file or package."""
        return self.root / self.manifest.file

    @property
    def input_size(self) -> tuple[int, int]:
        """Input size, (height, width) in pixels."""
        shape, layout = self.manifest.input.shape, self.manifest.input.layout
        return (shape[1], shape[2]) if layout == "NHWC" else (shape[2], shape[3])

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names in the order of the logits, empty for features; call `verify` first."""
        if not self.manifest.is_classifier:
            return ()
        data = files.read(self.root / LABELS, most=MOST_LABELS_BYTES)
        return tuple(data.decode("utf-8").splitlines())

    @classmethod
    def open(cls, root: Path) -> Self:
        """Read a folder's manifest; raises ArtifactError, GateFailed (integrity)."""
        path = root / MANIFEST
        try:
            data = files.read(path, most=documents.MOST_BYTES)
        except FileNotFoundError as error:
            raise ArtifactError(
                f"{root} is not an artifact folder: it has no {MANIFEST}; give a folder that "
                "convert wrote"
            ) from error
        except NotADirectoryError as error:
            raise ArtifactError(f"{root} is a file; give the artifact's folder") from error
        except OSError as error:
            raise ArtifactError(
                f"cannot read {path} ({error.strerror}); convert the model again"
            ) from error
        _require_no_links(root, [MANIFEST])
        try:
            manifest = manifests.read(data)
        except (ArtifactError, GateFailed) as error:
            raise type(error)(f"{root}: {error}") from error
        return cls(root=root, manifest=manifest, manifest_sha256=hashlib.sha256(data).hexdigest())

    def verify(self) -> None:
        """Raise GateFailed unless every file has the sha256 that the manifest lists.

        A symbolic link is refused, because what it leads to may change. A model package may not
        have other files, because a runtime would read them. There must be one label per class.
        """
        _require_no_links(self.root, self.manifest.files)
        self._require_size()
        for name, sha256 in self.manifest.files.items():
            self._verify(name, sha256)
        if self.model_path.is_dir():
            for path in sorted(self.model_path.rglob("*")):
                name = path.relative_to(self.root).as_posix()
                is_file = path.is_symlink() or not path.is_dir()  # a linked folder is not searched
                if is_file and name not in self.manifest.files:
                    raise GateFailed(f"{path} is not listed in the manifest; remove it")
        self._require_labels()

    def _require_size(self) -> None:
        """Raise GateFailed for files that would take minutes to read, such as sparse ones."""
        total = 0
        for name in self.manifest.files:
            with contextlib.suppress(OSError):
                total += (self.root / name).stat().st_size
        if total > files.MOST_WEIGHTS_BYTES:
            raise GateFailed(
                f"{self.root} has files of {total >> 20} MiB, more than "
                f"{files.MOST_WEIGHTS_BYTES >> 20}; convert the model again"
            )

    def _verify(self, name: str, sha256: str) -> None:
        """Raise GateFailed unless this file exists and has this sha256."""
        path = self.root / name
        try:
            if not path.is_file():  # reading a pipe would never end
                raise GateFailed(f"{path} is missing; convert the model again")
            found = digest(path)
        except OSError as error:
            raise GateFailed(f"cannot read {path} ({error.strerror})") from error
        if found != sha256:
            raise GateFailed(
                f"{path} does not match the manifest: its sha256 is {found[:12]}..., "
                f"the manifest has {sha256[:12]}...; convert the model again"
            )

    def _require_labels(self) -> None:
        """Raise GateFailed unless a classifier has one label per class."""
        if not self.manifest.is_classifier:
            return
        path, classes = self.root / LABELS, self.manifest.model.num_classes
        try:
            count = len(self.labels)
        except UnicodeDecodeError as error:
            raise GateFailed(f"{path} is not UTF-8; convert the model again") from error
        except OSError as error:
            raise GateFailed(
                f"cannot read {path} ({error.strerror}); convert the model again"
            ) from error
        if count != classes:
            raise GateFailed(
                f"{path} has {count} labels for {classes} classes; convert the model again"
            )


def _require_no_links(root: Path, names: Iterable[str]) -> None:
    """Raise GateFailed if a file, or a folder that it is in, is a symbolic link; `root` may be."""
    inside = {Path(name) for name in names}
    inside |= {parent for name in inside for parent in name.parents if parent != Path()}
    for name in sorted(inside):
        if os.path.islink(root / name):  # noqa: PTH114 - False for a name that is too long
            raise GateFailed(
                f"{root / name} is a symbolic link, which an artifact cannot have: copy the folder "
                "with its files, as `cp -rL` does"
            )


def digest(path: Path) -> str:
    """Return the sha256 of a file; for a folder, that of its files and paths in sorted order.

    Raises OSError, also for a file that is too large.
    """
    if not path.is_dir():
        return files.sha256(path)
    total = hashlib.sha256()
    for item in sorted(p for p in path.rglob("*") if p.is_file()):
        name = item.relative_to(path).as_posix()
        # A file name is not always UTF-8.
        total.update(name.encode(errors="surrogateescape") + b"\0")
        total.update(bytes.fromhex(digest(item)))
    return total.hexdigest()


def size_bytes(path: Path) -> int:
    """Return the size of a model file, or of all files of a package."""
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    return sum(file.stat().st_size for file in files)


def digests(root: Path) -> dict[str, str]:
    """Return the sha256 of every file in a folder except manifest.json, by relative path."""
    return {name: digest(root / name) for name in names(root) if name != MANIFEST}


def names(root: Path) -> list[str]:
    """List the relative paths of all files in a folder, sorted part by part."""
    paths = sorted(path for path in root.rglob("*") if path.is_file())
    return [path.relative_to(root).as_posix() for path in paths]

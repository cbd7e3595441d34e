"""The artifact folder on disk: opened, and verified file by file."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from slide_mobile.artifact.manifest import MANIFEST, Manifest
from slide_mobile.errors import ArtifactError, GateFailed

LABELS = "labels.txt"


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
        """Class names, in the order of the logits, none without classes; `verify` first."""
        if self.manifest.labels_sha256 is None:
            return ()
        return tuple((self.root / LABELS).read_text(encoding="utf-8").splitlines())

    @classmethod
    def open(cls, root: Path) -> "Artifact":
        """Read a folder's manifest; raises ArtifactError, GateFailed (integrity)."""
        path = root / MANIFEST
        try:
            plain = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
        except FileNotFoundError as error:
            raise ArtifactError(
                f"{root} is not an artifact folder: it has no {MANIFEST}"
            ) from error
        except NotADirectoryError as error:
            raise ArtifactError(f"{root} is a file; give the artifact's folder") from error
        except OSError as error:
            raise ArtifactError(f"{path} cannot be read ({error.strerror})") from error
        except (ValueError, RecursionError) as error:
            raise GateFailed(f"the manifest is damaged: {path} is not JSON ({error})") from error
        try:
            return cls(root=root, manifest=Manifest.from_json(plain))
        except (ArtifactError, GateFailed) as error:
            raise type(error)(f"{root}: {error}") from error

    def verify(self) -> None:
        """Raise GateFailed if a file is missing or is not the one that was certified.

        Labels have to be as many as there are classes.
        """
        expected: dict[str | None, str | None] = {
            self.manifest.file: self.manifest.file_sha256,
            LABELS: self.manifest.labels_sha256,
            **{golden.file: golden.sha256 for golden in self.manifest.golden},
            **{golden.maps: golden.maps_sha256 for golden in self.manifest.golden},
        }
        for name, sha256 in expected.items():
            if name is None or sha256 is None:
                continue  # what this task has not
            path = self.root / name
            try:
                if not (path.is_file() or path.is_dir()):  # nor a pipe, which would never end
                    raise GateFailed(f"{path} is missing; convert the model again")
                found = digest(path)
            except OSError as error:
                raise GateFailed(f"{path} cannot be read ({error.strerror})") from error
            if found != sha256:
                raise GateFailed(
                    f"{path} was changed after it was certified: sha256 {found[:12]}..., "
                    f"the manifest has {sha256[:12]}...; convert the model again"
                )
        self._require_labels()

    def _require_labels(self) -> None:
        classes = self.manifest.model["num_classes"]
        try:
            count = len(self.labels)
        except UnicodeDecodeError as error:
            raise GateFailed(
                f"{self.root / LABELS} is not UTF-8; convert the model again"
            ) from error
        if self.manifest.labels_sha256 is not None and count != classes:
            raise GateFailed(
                f"{self.root / LABELS} has {count} labels, the model has {classes} classes; "
                "convert the model again"
            )


def digest(path: Path) -> str:
    """sha256 of a file; of a folder, over its sorted relative paths and contents."""
    total = hashlib.sha256()
    if not path.is_dir():
        total.update(path.read_bytes())
    else:
        for item in sorted(p for p in path.rglob("*") if p.is_file()):
            name = item.relative_to(path).as_posix()
            # A foreign file's name need not be UTF-8.
            total.update(name.encode(errors="surrogateescape") + b"\0")
            total.update(hashlib.sha256(item.read_bytes()).digest())
    return total.hexdigest()


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")

"""The artifact folder: a model file, what is true of it, and the images that prove it.

<out>/<model>-<target>-<precision>/               <model>-features-... for that task
    model.tflite | model.pte | model.mlpackage/ | model.onnx
    manifest.json            manifest.schema.json says what it holds
    labels.txt               one label a line; of a classifier only
    golden/00.png            images at input size; a classifier's logits are in the manifest
    golden/00.safetensors    of features: PyTorch's maps for that image, at some places (golden.py)
"""

import dataclasses
import functools
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from slide_mobile.errors import ArtifactError, GateFailed
from slide_mobile.tasks import Task, output_names

# 2 added `via` and `manifest_sha256`, 3 `float_modules`, 4 `task`, `outputs` and what is null where
# there are no classes.
SCHEMA_VERSION = 4
MANIFEST = "manifest.json"


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
    """One image of the parity capsule, with the reference model's logits or maps for it."""

    file: str  # relative to the folder
    sha256: str
    label: str | None
    logits: tuple[float, ...] | None
    maps: str | None  # a file too
    maps_sha256: str | None


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What is true of the artifact; the mappings are as manifest.schema.json describes them.

    `output` is a classifier's only one, and None for other tasks; `outputs` are all.
    """

    model: Mapping[str, Any]
    task: Task
    target: str
    precision: str
    backend: str
    via: str
    file: str
    file_sha256: str
    size_bytes: int
    labels_sha256: str | None
    input: Mapping[str, Any]
    output: Mapping[str, Any] | None
    outputs: tuple[Mapping[str, Any], ...]
    graph: Graph
    float_modules: tuple[str, ...]
    parity: Mapping[str, Any]
    accuracy: Mapping[str, Any] | None
    calibration: Mapping[str, Any] | None
    golden: tuple[Golden, ...]
    notes: tuple[str, ...]
    toolchain: Mapping[str, str]
    created: str
    manifest_sha256: str = ""  # of everything else, see `seal`
    schema_version: int = SCHEMA_VERSION

    def to_json(self) -> dict[str, Any]:
        """Plain dictionaries, lists and numbers."""
        plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self), allow_nan=False))
        return plain

    @classmethod
    def from_json(cls, plain: object) -> "Manifest":
        """The inverse of `to_json`; raises ArtifactError, GateFailed for a damaged manifest."""
        if isinstance(plain, dict) and plain.get("manifest_sha256", "") != seal(plain):
            raise GateFailed(
                "the manifest was changed after it was certified; convert the model again"
            )
        version = plain.get("schema_version") if isinstance(plain, dict) else None
        if isinstance(version, int) and version != SCHEMA_VERSION:
            raise ArtifactError(
                f"manifest schema {version} is not {SCHEMA_VERSION}: "
                + ("update slide-mobile" if version > SCHEMA_VERSION else "convert the model again")
            )
        for error in _validator().iter_errors(plain):
            where = "/".join(map(str, error.absolute_path)) or "the document"
            raise GateFailed(f"the manifest is damaged: {where}: {error.message[:200]}")
        assert isinstance(plain, dict)
        graph = Graph(**{**plain["graph"], "findings": tuple(plain["graph"]["findings"])})
        golden = tuple(
            Golden(**{**item, "logits": item["logits"] and tuple(map(float, item["logits"]))})
            for item in plain["golden"]
        )
        _require_consistent(plain, golden)
        lines = {name: tuple(plain[name]) for name in ("outputs", "float_modules", "notes")}
        return cls(**{**plain, **lines, "graph": graph, "golden": golden})


def seal(plain: Mapping[str, Any]) -> str:
    """sha256 of a manifest's other fields, so that an edit shows (not a signature)."""
    rest = {key: value for key, value in plain.items() if key != "manifest_sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write manifest.json, sealed and durably; raises AssertionError if it breaks its schema."""
    plain = manifest.to_json()
    plain["manifest_sha256"] = seal(plain)
    assert _validator().is_valid(plain), next(_validator().iter_errors(plain)).message
    text = json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    # A path that is not UTF-8 becomes JSON's own escapes.
    with (folder / MANIFEST).open("w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


@functools.cache
def _validator() -> Draft202012Validator:
    path = Path(__file__).with_name("manifest.schema.json")
    return Draft202012Validator(json.loads(path.read_text(encoding="utf-8")))


def _require_consistent(plain: Mapping[str, Any], golden: tuple[Golden, ...]) -> None:
    model, task, outputs = plain["model"], plain["task"], plain["outputs"]
    if tuple(output["name"] for output in outputs) != output_names(task):
        raise GateFailed(f"the manifest is damaged: its outputs are not those of {task}")
    if task == "classify":
        if plain["output"] != outputs[0] or plain["labels_sha256"] is None:
            raise GateFailed("the manifest is damaged: a classifier has logits and labels")
        if any(item.logits is None or len(item.logits) != model["num_classes"] for item in golden):
            raise GateFailed("the manifest is damaged: golden logits are not one a class")
    else:
        if plain["output"] is not None or plain["labels_sha256"] is not None:
            raise GateFailed("the manifest is damaged: features have neither logits nor labels")
        if any(len(output["shape"]) != 4 or not output["layout"] for output in outputs):
            raise GateFailed("the manifest is damaged: features are maps, which have a layout")
        if any(item.maps is None or item.maps_sha256 is None for item in golden):
            raise GateFailed("the manifest is damaged: golden images have no maps")
    if model["trained"] != (model["checkpoint_sha256"] is not None):
        raise GateFailed("the manifest is damaged: a trained model has a checkpoint's sha256")

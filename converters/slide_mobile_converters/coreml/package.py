"""The .mlpackage on disk: what Core ML shows of a model, and bytes that depend on nothing else.

A package is a folder: a manifest, the specification (a protobuf) and the weights. coremltools
gives the manifest's items random identifiers, records the day, and leaves the order of protobuf
maps open; here the identifiers are derived from the items' names, the day is left out and the
maps are sorted. It would also leave a table for ExecuTorch's debugger, if that is installed.

The manifest is laid out as Apple's ModelPackage does it, keys sorted: that class, and with it
coremltools' `load_spec` and `MLModel`, writes the manifest anew whenever it opens a package.
"""

import json
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from slide_mobile.targets.converter import Request
from slide_mobile.tasks import STAGES

AUTHOR, LICENSE = "slide-mobile", "Apache-2.0"
MODULES = "modules"  # key of the table of modules among the file's own metadata
_OWNER = "com.apple.CoreML"
_SPECIFICATION, _WEIGHTS = "model.mlmodel", "weights"
_PREVIEW = "com.apple.coreml.model.preview.type"
_VERSION, _SOURCE = (f"com.github.apple.coremltools.{key}" for key in ("version", "source"))
_DESCRIPTIONS = {
    "image": "RGB image; the model normalises it",
    "logits": "One number a class, before softmax, in the order of the labels",
    "classLabel": "The most probable class",
    "classLabel_probs": "Probability of each class",
    **{name: f"Map at stride {4 << i}: channels, rows, columns" for i, name in enumerate(STAGES)},
}


def describe(spec: Any, request: Request, modules: Mapping[str, str]) -> None:
    """Fill in the metadata of a specification: for people, for Xcode, and for `activations`.

    `modules` are the module paths by the names of the outputs that they became.
    """
    metadata = spec.description.metadata
    metadata.author, metadata.license = AUTHOR, LICENSE
    metadata.versionString = request.version
    metadata.shortDescription = request.description
    for feature in (*spec.description.input, *spec.description.output):
        feature.shortDescription = _DESCRIPTIONS[feature.name]
    own = metadata.userDefined
    kept = own[_VERSION]
    own.clear()
    own.update({**request.facts, _VERSION: kept})
    if request.task == "classify":
        own[_PREVIEW] = "imageClassifier"
    own[MODULES] = json.dumps(modules, separators=(",", ":"))


def write(spec: Any, weights: Path, path: Path) -> None:
    """Write a package of a specification and its folder of weights; replaces what is there."""
    if path.exists():
        shutil.rmtree(path)
    folder = path / "Data" / _OWNER
    shutil.copytree(weights, folder / _WEIGHTS)
    (folder / _SPECIFICATION).write_bytes(spec.SerializeToString(deterministic=True))
    entries = {
        _identifier(_SPECIFICATION): _entry(_SPECIFICATION, "CoreML Model Specification"),
        _identifier(_WEIGHTS): _entry(_WEIGHTS, "CoreML Model Weights"),
    }
    manifest = {
        "fileFormatVersion": "1.0.0",
        "itemInfoEntries": entries,
        "rootModelIdentifier": _identifier(_SPECIFICATION),
    }
    text = json.dumps(manifest, indent=4, sort_keys=True) + "\n"
    (path / "Manifest.json").write_text(text, encoding="utf-8")


def _entry(name: str, description: str) -> dict[str, str]:
    return {
        "author": _OWNER,
        "description": description,
        "name": name,
        "path": f"{_OWNER}/{name}",
    }


def _identifier(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"slide-mobile/{name}")).upper()

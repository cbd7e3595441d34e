"""Write a .mlpackage whose bytes depend on its contents alone.

A package is a folder: a manifest, the specification (a protobuf) and the weights. coremltools
gives the items of the manifest random identifiers, and does not sort the maps of the protobuf. Here
the identifiers are derived from the names of the items, and the maps are sorted. Nothing else of
the folder that coremltools made is kept: it may contain a table for ExecuTorch's debugger.

The manifest has the layout and the key order of Apple's ModelPackage, because that class (and so
coremltools' `load_spec` and `MLModel`) writes the manifest anew each time it opens a package.
"""

import json
import shutil
import uuid
from pathlib import Path
from typing import Any

_OWNER = "com.apple.CoreML"
_SPECIFICATION, _WEIGHTS = "model.mlmodel", "weights"


def write(spec: Any, weights: Path, path: Path) -> None:
    """Write a specification and its folder of weights as a package; replaces an existing one."""
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

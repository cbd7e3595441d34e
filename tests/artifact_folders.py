"""Artifact folders for tests that convert nothing: small, valid, and easy to damage."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from slide_mobile.artifact import golden
from slide_mobile.artifact import manifest as manifests
from slide_mobile.artifact.folder import ArtifactFolder, digests, size_bytes
from slide_mobile.artifact.manifest import Manifest

SHA = "0" * 64
HEIGHT, WIDTH = 8, 9
LOGITS = np.array([[0.5, 1.0]], np.float32)
IMAGE = np.arange(HEIGHT * WIDTH * 3, dtype=np.uint8).reshape(HEIGHT, WIDTH, 3)


def plain() -> dict[str, Any]:
    """A classifier's manifest as JSON has it."""
    return {
        "schema_version": manifests.SCHEMA_VERSION,
        "model": {
            "name": "m", "family": "f", "num_classes": 2, "params": 1, "macs": 1,
            "trained": True, "checkpoint_sha256": SHA,
        },
        "task": "classify",
        "target": "tflite", "precision": "int8", "backend": "xnnpack", "via": "litert",
        "file": "model.tflite", "size_bytes": 1,
        "files": {"model.tflite": SHA, "labels.txt": SHA, "golden/00.ppm": SHA},
        "input": {
            "name": "image", "shape": [1, HEIGHT, WIDTH, 3], "layout": "NHWC", "dtype": "float32",
            "color": "RGB", "range": [0, 255], "mean": [0.5, 0.5, 0.5], "std": [1, 1, 1],
        },
        "outputs": [{"name": "logits", "shape": [1, 2], "dtype": "float32", "layout": None}],
        "graph": {
            "ops": {"CONV_2D": 1}, "max_rank": 4, "partitions": 1, "delegated_ops": 1,
            "total_ops": 1, "int8_mac_fraction": 1, "min_runtime": None, "findings": [],
        },
        "float_modules": ["head"],
        "parity": {
            "passed": True, "sqnr_db": 30, "min_sqnr_db": 20, "max_abs": 0.1,
            "top1_agreement": 1, "min_top1_agreement": 0.97, "samples": 8,
            "outputs": [{"name": "logits", "sqnr_db": 30, "max_abs": 0.1}],
            "reference": "pytorch", "images": "somewhere", "runtime": "a test",
        },
        "accuracy": None,
        "calibration": {"images": 1, "sha256": SHA, "source": "photos"},
        "golden": [
            {"file": "golden/00.ppm", "label": None, "logits": [0.5, 1.0], "maps": None}
        ],
        "notes": [],
        "toolchain": {"python": "3", "torch": "2", "slide_mobile": "0"},
        "created": "2026-01-01T00:00:00+00:00",
    }  # fmt: skip


def plain_features() -> dict[str, Any]:
    """A manifest of feature maps as JSON has it."""
    outputs = [
        {"name": f"stage{i}", "shape": [1, 2, 3, 16], "dtype": "float32", "layout": "NHWC"}
        for i in range(1, 5)
    ]
    found = plain()
    found |= {
        "task": "features",
        "outputs": outputs,
        "files": {
            "model.tflite": SHA, "golden/00.ppm": SHA, "golden/00.safetensors": SHA,
        },
        "golden": [
            {
                "file": "golden/00.ppm", "label": None, "logits": None,
                "maps": "golden/00.safetensors",
            }
        ],
    }  # fmt: skip
    found["parity"] |= {
        "top1_agreement": None,
        "min_top1_agreement": None,
        "outputs": [{"name": o["name"], "sqnr_db": 30, "max_abs": 0.1} for o in outputs],
    }
    return found


def manifest(base: dict[str, Any] | None = None, **changes: Any) -> Manifest:
    """A manifest with some fields changed; a dictionary changes those fields of a field."""
    found = plain() if base is None else base
    for name, value in changes.items():
        both = isinstance(value, dict) and isinstance(found[name], dict)
        keep = both and name not in {"files", "toolchain"}
        found[name] = found[name] | value if keep else value
    return msgspec.convert(found, Manifest)


def folder(root: Path, *, labels: bytes = b"cat\ndog\n", **changes: Any) -> ArtifactFolder:
    """A whole artifact folder of a classifier, whose files match its manifest."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "model.tflite").write_bytes(b"1")
    (root / "labels.txt").write_bytes(labels)
    item = golden.write(root, 0, IMAGE, {"logits": LOGITS}, None)
    found = manifest(**changes)
    found = msgspec.structs.replace(found, golden=(item,), files=digests(root))
    manifests.write(root, found)
    return ArtifactFolder.open(root)


def rewrite(root: Path, **changes: Any) -> None:
    """Edit fields of a folder's manifest, and make it match the files that are there now."""
    found = msgspec.to_builtins(ArtifactFolder.open(root).manifest)
    model = root / changes.get("file", found["file"])
    now = {"files": digests(root), "size_bytes": size_bytes(model)}
    new = manifest(found, **(now | changes))
    (root / manifests.MANIFEST).write_bytes(manifests.encode(new))

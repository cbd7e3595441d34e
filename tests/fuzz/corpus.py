"""Good files, made by code, that cases damage: artifacts of all formats, weights, and images."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from case import Prepare
from converted_once import ConvertedOnce
from PIL import Image
from safetensors.torch import save

from slide_mobile import models
from slide_mobile.artifact.folder import ArtifactFolder

MODEL = "slide_swin_test"
FORMATS = {
    "tflite": ("tflite", "int8"),
    "executorch": ("executorch", "fp32"),
    "coreml": ("coreml", "fp16"),
    "onnx": ("onnx", "int8"),
    "executorch-coreml": ("executorch", "fp16"),
}
ENCODED = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "DDS", "GIF", "PPM", "TGA")


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """What there is to damage; `artifacts` are by format, `weights` by the suffix of the file."""

    artifacts: Mapping[str, ArtifactFolder]
    weights: Mapping[str, bytes]
    images: Mapping[str, bytes]

    @property
    def smallest(self) -> ArtifactFolder:
        """The artifact that is checked the fastest."""
        return self.artifacts["onnx"]


def corpus(converted: ConvertedOnce) -> Corpus:
    """Convert a small model to each format, once for all that share a folder."""
    made = {
        name: converted(
            target, precision, **({"backend": "coreml"} if name.endswith("-coreml") else {})
        )
        for name, (target, precision) in FORMATS.items()
    }
    return Corpus(artifacts=made, weights=_weights(), images=_images())


def copied(artifact: ArtifactFolder, name: str) -> Prepare:
    """Put a copy of an artifact there."""

    def prepare(work: Path) -> None:
        # Not copytree, which takes five times as long.
        for path in sorted(artifact.root.rglob("*")):
            target = work / name / path.relative_to(artifact.root)
            if path.is_dir():
                target.mkdir(parents=True, exist_ok=True)
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(path.read_bytes())

    return prepare


def _weights() -> dict[str, bytes]:
    torch.manual_seed(0)
    state = models.create(MODEL).state_dict()
    zipped, legacy = io.BytesIO(), io.BytesIO()
    torch.save({"model": state, "epoch": 3}, zipped)
    torch.save(state, legacy, _use_new_zipfile_serialization=False)
    return {
        "zip.pth": zipped.getvalue(), "legacy.pth": legacy.getvalue(),
        "plain.safetensors": save({k: v.contiguous() for k, v in state.items()}),
    }  # fmt: skip


def _images() -> dict[str, bytes]:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 70, 3), dtype=np.uint8)
    found = {}
    for kind in ENCODED:
        made = io.BytesIO()
        Image.fromarray(pixels).save(made, kind)
        found[kind] = made.getvalue()
    return found

"""Artifacts for labs to run: a model that numpy computes, so that a run takes microseconds."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
from artifact_folders import HEIGHT, SHA, WIDTH, manifest, plain, plain_features
from fake_converter import with_error
from numpy.typing import NDArray

from slide_mobile.artifact import golden
from slide_mobile.artifact import manifest as manifests
from slide_mobile.artifact.folder import ArtifactFolder, digests
from slide_mobile.targets import registry
from slide_mobile.targets.converter import Runner
from slide_mobile.tasks import Outputs, Task

COUNT, CLASSES = 6, 2
IMAGES = np.random.default_rng(1).integers(0, 256, (COUNT, HEIGHT, WIDTH, 3), np.uint8)
MAP = (2, 3, 16)  # height, width and channels of every feature map
HERE_DB = 110.0  # of the file where it runs on this machine


def computed(images: NDArray[np.uint8], task: Task) -> Outputs:
    """What PyTorch would compute: random projections of the pixels."""
    draw = np.random.default_rng(2)
    pixels = images.reshape(len(images), -1) / 255 - 0.5
    if task == "classify":
        return {"logits": (pixels @ draw.normal(size=(pixels.shape[1], CLASSES))).astype("f4")}
    maps = {}
    for name in ("stage1", "stage2", "stage3", "stage4"):
        found = pixels @ draw.normal(size=(pixels.shape[1], np.prod(MAP)))
        maps[name] = found.reshape(len(images), *MAP).astype("f4")
    return maps


def made(root: Path, task: Task = "classify", **changes: Any) -> ArtifactFolder:
    """A whole artifact in fp32 for `tflite`, of random weights; `changes` are of its manifest."""
    root.mkdir(parents=True)
    (root / "model.tflite").write_bytes(b"1")
    if task == "classify":
        (root / "labels.txt").write_text("cat\ndog\n")
    expected = computed(IMAGES, task)
    items = [golden.write(root, i, image, expected, None) for i, image in enumerate(IMAGES)]
    facts = {
        "precision": "fp32",
        "model": {"trained": False, "checkpoint_sha256": None},
        "parity": {"sqnr_db": HERE_DB, "min_sqnr_db": 90, "min_top1_agreement": None},
    }
    found = manifest(plain() if task == "classify" else plain_features(), **facts | changes)
    found = msgspec.structs.replace(found, golden=tuple(items), files=digests(root))
    manifests.write(root, found)
    return ArtifactFolder.open(root)


TRAINED = {"trained": True, "checkpoint_sha256": SHA}


def install(monkeypatch: Any) -> None:
    """Make this machine's runtime of every target the one that runs these files."""

    def runner(path: Path, *, threads: int | None = None) -> Runner:
        task = ArtifactFolder.open(path.parent).manifest.task

        def call(image: NDArray[np.uint8]) -> Outputs:
            found = computed(image[None], task)
            return {name: with_error(x, HERE_DB) for name, x in found.items()}

        return Runner(call=call, runtime="numpy", layout="NHWC")

    monkeypatch.setattr(registry, "load", lambda target: SimpleNamespace(runner=runner))

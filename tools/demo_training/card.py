"""What the bundled weights are and what they reach: the file, and the `card.json` beside it."""

import hashlib
import json
import platform
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import PIL
import torch
from numpy.typing import NDArray
from safetensors.torch import save as to_bytes
from torch import nn

from slide_mobile.demo.render import HELD_OUT_COUNT, HELD_OUT_SEED, render_many
from slide_mobile.preprocess import IMAGENET, normalize
from tools.demo_training.outliers import measure

Images = NDArray[np.uint8]  # (N, H, W, 3)
Labels = NDArray[np.int64]  # (N,)

# Of the held-out images, those on which activations are measured.
OUTLIER_COUNT = 256
# Small: the published attention's neighbours of more images leave the cache.
BATCH = 24


def predict(model: nn.Module, images: Images) -> Labels:
    """Class numbers that the model gives to images."""
    found = [np.empty(0, np.int64)]
    with torch.inference_mode():
        for start in range(0, len(images), BATCH):
            batch = torch.from_numpy(normalize(images[start : start + BATCH], IMAGENET))
            found.append(model(batch).argmax(1).numpy())
    return np.concatenate(found)


def save(model: nn.Module, path: Path) -> None:
    """Write the parameters, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    parameters = {name: p.detach().contiguous() for name, p in model.named_parameters()}
    partial.write_bytes(to_bytes(parameters))
    partial.replace(path)


def write_card(
    model: nn.Module, weights: Path, *, options: Mapping[str, int], wall_s: float
) -> dict[str, object]:
    """Measure a model on the held-out split and write `card.json` beside its weights.

    `options` are the training script's numbers, by name.
    """
    images, labels = render_many(HELD_OUT_SEED, HELD_OUT_COUNT)
    arguments = "".join(f" --{name.replace('_', '-')} {n}" for name, n in options.items())
    card: dict[str, object] = {
        "model": "slide_swin_demo",
        "command": f"python -m tools.demo_training.train --out {weights.name}{arguments}",
        **options,
        "train_wall_s": round(wall_s),
        "held_out_images": HELD_OUT_COUNT,
        "held_out_top1": round(float((predict(model, images) == labels).mean()), 5),
        "largest_outlier": measure(model, images[:OUTLIER_COUNT])[0].as_dict(),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
            "pillow": PIL.__version__,
        },
        "weights_sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
    }
    weights.with_name("card.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    return card

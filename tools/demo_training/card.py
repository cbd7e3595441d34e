"""What the demo's weights are and what they reach: the file, and card.json."""

import hashlib
import platform
from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np
import PIL
import torch
from numpy.typing import NDArray
from safetensors.torch import save as to_bytes
from torch import nn

from slide_mobile.artifact import documents
from slide_mobile.artifact.documents import Count, Fraction, Sha256, Text
from slide_mobile.demo.render import HELD_OUT_COUNT, HELD_OUT_SEED, render_many
from slide_mobile.preprocess import IMAGENET, normalize
from tools.demo_training.outliers import Spread, measure

Images = NDArray[np.uint8]  # (N, H, W, 3)
Labels = NDArray[np.int64]  # (N,)

CARD = Path(__file__).with_name("card.json")
# Held-out images on which activations are measured.
OUTLIER_COUNT = 256
# Small: the published attention's neighbours of more images leave the cache.
BATCH = 24


class Card(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """card.json: how the weights were made, and what they reach on the held-out drawings."""

    model: Text
    command: Text
    seed: Count
    steps: Count
    held_out_images: Count
    held_out_top1: Fraction
    largest_outlier: Spread
    train_wall_s: Count
    versions: dict[Text, Text]
    weights_sha256: Sha256


def read(path: Path = CARD) -> Card:
    """A card from its file; raises DocumentError."""
    return documents.decode(path.read_bytes(), Card)


def write(card: Card, path: Path) -> None:
    """Write a card."""
    path.write_bytes(documents.encode(card))


def describe(model: nn.Module, weights: Path, *, options: Mapping[str, int], wall_s: float) -> Card:
    """The card of a trained model and its weights file, measured on the held-out drawings.

    `options` are the numbers that the training script was called with, by name.
    """
    images, labels = render_many(HELD_OUT_SEED, HELD_OUT_COUNT)
    arguments = "".join(f" --{name.replace('_', '-')} {n}" for name, n in options.items())
    return Card(
        model="slide_swin_demo",
        command=f"python -m tools.demo_training.train{arguments}",
        seed=options["seed"],
        steps=options["steps"],
        held_out_images=HELD_OUT_COUNT,
        held_out_top1=round(float((predict(model, images) == labels).mean()), 5),
        largest_outlier=measure(model, images[:OUTLIER_COUNT])[0],
        train_wall_s=round(wall_s),
        versions={
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
            "pillow": PIL.__version__,
        },
        weights_sha256=hashlib.sha256(weights.read_bytes()).hexdigest(),
    )


def predict(model: nn.Module, images: Images) -> Labels:
    """The class numbers that a model gives to images."""
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

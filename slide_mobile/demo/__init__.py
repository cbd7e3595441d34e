"""The bundled demo: a trained `slide_swin_demo`, and the renderer of the images it classifies."""

from pathlib import Path
from typing import TYPE_CHECKING

from slide_mobile.demo.shapes import LABELS as LABELS

if TYPE_CHECKING:
    from torch import Tensor


def weights_path() -> Path:
    """The bundled safetensors file; tools/demo_training/card.json says how it was trained."""
    return Path(__file__).with_name("slide_swin_demo.safetensors")


def weights() -> "dict[str, Tensor]":
    """Every parameter of `slide_swin_demo`, by name; its buffers follow from the configuration."""
    from safetensors.torch import load_file  # imports torch, which rendering does not need

    return load_file(weights_path())

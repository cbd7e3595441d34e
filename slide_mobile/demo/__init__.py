"""The bundled demo: a trained `slide_swin_demo`, and the renderer of the images it knows."""

from pathlib import Path
from typing import TYPE_CHECKING

from slide_mobile.demo.shapes import LABELS as LABELS

if TYPE_CHECKING:
    from torch import Tensor


def weights_path() -> Path:
    """The bundled safetensors file; `card.json` beside it says how it was trained."""
    return Path(__file__).with_name("slide_swin_demo.safetensors")


def weights() -> "dict[str, Tensor]":
    """Every parameter of `slide_swin_demo` (its buffers follow from the configuration)."""
    from safetensors.torch import load_file  # torch only for who asks for tensors

    return load_file(weights_path())

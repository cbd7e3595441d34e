"""Deploy form to ExportedProgram: fixed shape, batch 1, input `image`, output `logits`."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

INPUT, OUTPUT = "image", "logits"


class ImageModel(nn.Module):
    """Names the output, and takes the layout of the target."""

    def __init__(self, model: nn.Module, layout: Literal["NHWC", "NCHW"]) -> None:
        super().__init__()
        self.model, self.layout = model, layout

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """(1, H, W, 3) or (1, 3, H, W), RGB in 0..255 -> logits (1, num_classes)."""
        if self.layout == "NHWC":
            image = image.permute(0, 3, 1, 2)
        return {OUTPUT: self.model(image)}


def input_shape(size: tuple[int, int], layout: Literal["NHWC", "NCHW"]) -> tuple[int, ...]:
    """Shape of the image input for a (height, width)."""
    return (1, *size, 3) if layout == "NHWC" else (1, 3, *size)


def export(
    model: nn.Module, size: tuple[int, int], layout: Literal["NHWC", "NCHW"]
) -> ExportedProgram:
    """Trace a deploy-form model at one input size (height, width)."""
    example = {INPUT: torch.zeros(input_shape(size, layout))}
    with torch.no_grad():
        return torch.export.export(ImageModel(model, layout).eval(), (), example)

"""Deploy form to ExportedProgram: fixed shape, batch 1, input `image`, named outputs."""

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from slide_mobile.tasks import LOGITS, STAGES, Layout

INPUT = "image"


class ImageModel(nn.Module):
    """Wrap a model: take the image in the target's layout, and name the outputs."""

    def __init__(self, model: nn.Module, layout: Layout) -> None:
        super().__init__()
        self.model, self.layout = model, layout

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """(1, H, W, 3) or (1, 3, H, W), RGB in 0..255 -> logits (1, num_classes), or four maps.

        The maps have the layout of the image.
        """
        if self.layout == "NHWC":
            image = image.permute(0, 3, 1, 2)
        found = self.model(image)
        return (
            dict(zip(STAGES, found, strict=True)) if isinstance(found, tuple) else {LOGITS: found}
        )


def input_shape(size: tuple[int, int], layout: Layout) -> tuple[int, ...]:
    """Return the shape of the image input for a size (height, width) in pixels."""
    return (1, *size, 3) if layout == "NHWC" else (1, 3, *size)


def export(model: nn.Module, size: tuple[int, int], layout: Layout) -> ExportedProgram:
    """Trace a deploy-form model in this layout, at one input size (height, width) in pixels."""
    example = {INPUT: torch.zeros(input_shape(size, layout))}
    with torch.no_grad():
        return torch.export.export(ImageModel(model, layout).eval(), (), example)

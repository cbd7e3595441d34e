"""Deploy form to ExportedProgram: fixed shape, batch 1, input `image`, named outputs."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from slide_mobile.tasks import LOGITS, STAGES, Layout

INPUT = "image"


class ImageModel(nn.Module):
    """Wrap a model: take the image in the target's layout, and name the outputs."""

    def __init__(self, model: nn.Module, layout: Layout, names: Sequence[str] = ()) -> None:
        super().__init__()
        self.model, self.layout, self.names = model, layout, tuple(names)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """(1, H, W, 3) or (1, 3, H, W), RGB in 0..255 -> logits (1, num_classes), or maps.

        The maps have the layout of the image.
        """
        if self.layout == "NHWC":
            image = image.permute(0, 3, 1, 2)
        found = self.model(image)
        outputs, usual = (found, STAGES) if isinstance(found, tuple) else ((found,), (LOGITS,))
        return dict(zip(self.names or usual, outputs, strict=True))


def input_shape(size: tuple[int, int], layout: Layout) -> tuple[int, ...]:
    """Return the shape of the image input for a size (height, width) in pixels."""
    return (1, *size, 3) if layout == "NHWC" else (1, 3, *size)


def export(
    model: nn.Module, size: tuple[int, int], layout: Layout, names: Sequence[str] = ()
) -> ExportedProgram:
    """Trace a deploy-form model in this layout, at one input size (height, width) in pixels.

    `names` are those of its outputs, where they are not those of a task of the catalogue.
    """
    example = {INPUT: torch.zeros(input_shape(size, layout))}
    with torch.no_grad():
        return torch.export.export(ImageModel(model, layout, names).eval(), (), example)

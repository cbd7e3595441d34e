"""Outliers of activations: they decide whether a network survives quantisation to eight bits.

A symmetric range to max|x| gives a signal with root mean square s about 127 s / max|x| steps.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from slide_mobile.models.slide_swin import PatchMerging, SwinBlock
from slide_mobile.preprocess import IMAGENET, normalize


@dataclass(frozen=True, kw_only=True)
class Spread:
    """The distribution of one tensor over a set of images.

    A Gaussian has a kurtosis of 3 and a maximum of about 5 times its root mean square.
    """

    tensor: str
    max_over_rms: float
    kurtosis: float


def measure(model: nn.Module, images: NDArray[np.uint8]) -> list[Spread]:
    """The input of every linear layer and every state of the residual stream, widest first."""
    found: dict[str, list[NDArray[np.float64]]] = {}

    def watch(name: str, *, output: bool) -> Callable[[nn.Module, tuple[Tensor], Tensor], None]:
        """A hook that keeps the moments of a module's output, or of its input."""

        def hook(module: nn.Module, inputs: tuple[Tensor], result: Tensor) -> None:
            """Keep the moments of one call."""
            x = (result if output else inputs[0]).double()
            moments = [
                x.abs().amax(),
                x.square().mean(),
                x.mean(),
                x.pow(3).mean(),
                x.pow(4).mean(),
            ]
            found.setdefault(name, []).append(np.array([m.item() for m in moments]))

        return hook

    hooks = []
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear):
            hooks.append(module.register_forward_hook(watch(name, output=False)))
        if isinstance(module, SwinBlock | PatchMerging):
            hooks.append(module.register_forward_hook(watch(f"{name} (output)", output=True)))
    try:
        with torch.inference_mode():
            for start in range(0, len(images), 64):
                model(torch.from_numpy(normalize(images[start : start + 64], IMAGENET)))
    finally:
        for hook in hooks:
            hook.remove()
    spreads = [_spread(name, np.stack(batches)) for name, batches in found.items()]
    return sorted(spreads, key=lambda spread: -spread.max_over_rms)


def _spread(name: str, batches: NDArray[np.float64]) -> Spread:
    """The spread of a tensor from its moments in each batch."""
    peak = batches[:, 0].max()
    square, mean, cube, fourth = batches[:, 1:].mean(0)
    variance = square - mean**2
    central = fourth - 4 * mean * cube + 6 * mean**2 * square - 3 * mean**4
    return Spread(
        tensor=name,
        max_over_rms=round(float(peak / np.sqrt(square)), 2),
        kurtosis=round(float(central / variance**2), 2),
    )

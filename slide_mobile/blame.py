"""Where an error is: each convolution and linear of a file beside the same module in PyTorch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from slide_mobile.parity import sqnr_db
from slide_mobile.targets import Converter

# Images to look at: the ranking of modules hardly moves after the second.
SAMPLES = 2

Activations = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, kw_only=True)
class ModuleParity:
    """How far one module's output is from PyTorch's, everything before it included."""

    module: str
    sqnr_db: float


def modules(
    converter: Converter, path: Path, deployed: nn.Module, pixels: NDArray[np.uint8]
) -> tuple[ModuleParity, ...]:
    """Rank the modules of a deploy form by how far the file's are off, the worst first."""
    expected = [activations(deployed, image) for image in pixels[:SAMPLES]]
    found = [converter.activations(path, image) for image in pixels[:SAMPLES]]
    # Containers that are only indexed leave no trace in an exported file's names.
    names = {_traced(deployed, name): name for name in expected[0]}
    return rank(expected, [{names[n]: x for n, x in f.items() if n in names} for f in found])


def rank(expected: Sequence[Activations], found: Sequence[Activations]) -> tuple[ModuleParity, ...]:
    """SQNR of each module that both sides have, over all images, the worst first."""
    rows = []
    for name in expected[0]:
        pairs = [(e[name], f[name]) for e, f in zip(expected, found, strict=True) if name in f]
        if not pairs or any(e.size != f.size for e, f in pairs):
            continue
        reference = np.concatenate([e.ravel() for e, _ in pairs])
        output = np.concatenate([f.ravel() for _, f in pairs])
        rows.append(ModuleParity(module=name, sqnr_db=round(sqnr_db(reference, output), 2)))
    return tuple(sorted(rows, key=lambda row: row.sqnr_db))


@torch.no_grad()
def activations(deployed: nn.Module, image: NDArray[np.uint8]) -> Activations:
    """Outputs of a deploy form's dense convolutions and linears, channels last, by path."""
    found: dict[str, NDArray[np.float32]] = {}
    handles = []
    for name, module in deployed.named_modules():
        dense = isinstance(module, nn.Linear) or (
            isinstance(module, nn.Conv2d) and module.groups == 1
        )
        if dense:

            def keep(module: nn.Module, _: Any, output: Tensor, name: str = name) -> None:
                maps = output.permute(0, 2, 3, 1) if isinstance(module, nn.Conv2d) else output
                found[name] = maps.numpy().copy()

            handles.append(module.register_forward_hook(keep))
    deployed(torch.from_numpy(image[None].astype(np.float32)).permute(0, 3, 1, 2))
    for handle in handles:
        handle.remove()
    return found


def _traced(deployed: nn.Module, path: str) -> str:
    parts = path.split(".")
    owners = [deployed.get_submodule(".".join(parts[: i + 1])) for i in range(len(parts))]
    pairs = zip(parts, owners, strict=True)
    return ".".join(part for part, owner in pairs if not isinstance(owner, nn.ModuleList))

"""Layer-wise error: each convolution and linear of a file against the same PyTorch module."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from slide_mobile.parity.metrics import sqnr_db
from slide_mobile.parity.result import ModuleParity
from slide_mobile.targets.converter import Converter

# Images to compare: the ranking of modules hardly changes with more than two.
SAMPLES = 2

Activations = Mapping[str, NDArray[np.float32]]


def modules(
    converter: Converter, path: Path, deployed: nn.Module, pixels: NDArray[np.uint8]
) -> tuple[ModuleParity, ...]:
    """Rank the modules of a deploy form by their own error, worst first."""
    # In some files, the names lack the containers that are only indexed (nn.ModuleList).
    names = {traced(deployed, name): name for name in dense(deployed)}
    names |= {name: name for name in dense(deployed)}
    found = []
    for image in pixels[:SAMPLES]:
        outputs = converter.activations(path, image)
        found.append({names[n]: x for n, x in outputs.items() if n in names})
    images = pixels[:SAMPLES]
    clean = [activations(deployed, image) for image in images]
    synchronised = [activations(deployed, x, instead=f) for x, f in zip(images, found, strict=True)]
    return rank(clean, synchronised, found)


def rank(
    clean: Sequence[Activations], synchronised: Sequence[Activations], found: Sequence[Activations]
) -> tuple[ModuleParity, ...]:
    """Compute the SQNR of each module that every image has, and rank by own error, worst first."""
    rows = []
    for order, name in enumerate(clean[0]):
        if any(
            name not in f or c[name].size != f[name].size for c, f in zip(clean, found, strict=True)
        ):
            continue
        output = _together(found, name)
        rows.append(
            ModuleParity(
                module=name,
                order=order,
                sqnr_db=round(sqnr_db(_together(clean, name), output), 2),
                own_db=round(sqnr_db(_together(synchronised, name), output), 2),
            )
        )
    return tuple(sorted(rows, key=lambda row: row.own_db))


def dense(deployed: nn.Module) -> dict[str, nn.Module]:
    """Return the dense modules by path: linears, and convolutions that are not grouped."""
    return {
        name: module
        for name, module in deployed.named_modules()
        if isinstance(module, nn.Linear) or (isinstance(module, nn.Conv2d) and module.groups == 1)
    }


@torch.no_grad()
def activations(
    deployed: nn.Module, image: NDArray[np.uint8], *, instead: Activations | None = None
) -> Activations:
    """Run a deploy form and return the outputs of its dense modules, channels last, by path.

    The outputs named in `instead` are replaced by the given ones before later modules read them.
    """
    outputs: dict[str, NDArray[np.float32]] = {}
    handles = [
        module.register_forward_hook(_recorder(name, outputs, (instead or {}).get(name)))
        for name, module in dense(deployed).items()
    ]
    try:
        deployed(torch.from_numpy(image[None].astype(np.float32)).permute(0, 3, 1, 2))
    finally:
        for handle in handles:
            handle.remove()
    return outputs


def _recorder(
    name: str, outputs: dict[str, NDArray[np.float32]], instead: NDArray[np.float32] | None
) -> Callable[[nn.Module, object, Tensor], Tensor | None]:
    """Return a hook that records a module's output, and replaces it if `instead` is given."""

    def record(module: nn.Module, _: object, output: Tensor) -> Tensor | None:
        maps = isinstance(module, nn.Conv2d)
        rows = output.permute(0, 2, 3, 1) if maps else output
        outputs[name] = rows.numpy().copy()
        if instead is None or instead.size != rows.numel():
            return None
        new = torch.from_numpy(instead.astype(np.float32)).reshape(rows.shape)
        return new.permute(0, 3, 1, 2) if maps else new

    return record


def _together(rows: Sequence[Activations], name: str) -> NDArray[np.float32]:
    """Concatenate one module's outputs for all images."""
    return np.concatenate([row[name].ravel() for row in rows])


def traced(deployed: nn.Module, path: str) -> str:
    """Return a module's path without the names of nn.ModuleList containers: layers.1 -> 1."""
    parts = path.split(".")
    owners = [deployed.get_submodule(".".join(parts[: i + 1])) for i in range(len(parts))]
    pairs = zip(parts, owners, strict=True)
    return ".".join(part for part, owner in pairs if not isinstance(owner, nn.ModuleList))

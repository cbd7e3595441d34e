"""Paths of modules in PyTorch, by the names that a model file gives them."""

from collections.abc import Mapping

from slide_mobile.errors import SlideMobileError


def module_paths(model: str) -> dict[str, str]:
    """Paths of a model's modules, by the names that a file may give them.

    Empty for a model that is not in the registry.
    """
    from torch import nn

    from slide_mobile import models
    from slide_mobile.models.meta import MetaInit
    from slide_mobile.parity import layerwise

    try:
        with MetaInit():
            reference = models.create(model)
    except SlideMobileError:
        return {}
    return {
        layerwise.traced(reference, path): path
        for path, module in reference.named_modules()
        if path and not isinstance(module, nn.ModuleList)
    }


def in_pytorch(module: str, paths: Mapping[str, str]) -> str:
    """The module's path in PyTorch; what a rewrite put inside a module keeps its own name there."""
    parts = module.split(".")
    for end in range(len(parts), 0, -1):
        if (path := paths.get(".".join(parts[:end]))) is not None:
            return ".".join([path, *parts[end:]])
    return module

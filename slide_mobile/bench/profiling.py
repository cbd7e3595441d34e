"""Where the time of an artifact goes, by the paths of modules in PyTorch."""

from collections.abc import Mapping
from pathlib import Path

from slide_mobile.artifact import golden
from slide_mobile.artifact.folder import Artifact
from slide_mobile.bench.messages import Profiled, text
from slide_mobile.bench.result import Operation
from slide_mobile.errors import SlideMobileError
from slide_mobile.targets import registry


def profile(root: Path, *, threads: int) -> Profiled:
    """Where the time of an artifact goes, or why its runtime does not say."""
    artifact = Artifact.open(root)
    manifest = artifact.manifest
    image = golden.image(artifact, manifest.golden[0])
    try:
        converter = registry.load(manifest.target)
        times = converter.profile(artifact.model_path, image, threads=threads)
    except SlideMobileError as error:
        return Profiled(why_no_operations=text(error))
    paths = module_paths(manifest.model.name)
    return Profiled(
        operations=tuple(
            Operation(
                name=time.name,
                module=in_pytorch(time.module, paths),
                microseconds=time.microseconds,
            )
            for time in times
        )
    )


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

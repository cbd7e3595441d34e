"""Where the time of an artifact goes, by the paths of modules in PyTorch."""

from pathlib import Path

from slide_mobile.artifact import golden
from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.bench.messages import Profiled, text
from slide_mobile.bench.result import Operation
from slide_mobile.errors import SlideMobileError
from slide_mobile.parity.module_paths import in_pytorch, module_paths
from slide_mobile.targets import registry


def profile(root: Path, *, threads: int) -> Profiled:
    """Where the time of an artifact goes, or why its runtime does not say."""
    artifact = ArtifactFolder.open(root)
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

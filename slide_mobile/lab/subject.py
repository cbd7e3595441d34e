"""What a lab compares: an artifact's golden images, PyTorch's outputs, and this machine's."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slide_mobile.artifact import golden
from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.artifact.golden import Recorded
from slide_mobile.artifact.manifest import Manifest
from slide_mobile.isolation import isolated
from slide_mobile.lab.process import Arrays, WorkerFailed
from slide_mobile.parity import running
from slide_mobile.targets import registry
from slide_mobile.tasks import Outputs, channels_last


@dataclass(frozen=True, kw_only=True)
class Subject:
    """An artifact with N of its golden images.

    `inputs` are these images in the file's layout and type, and the first one once more at the end.
    `expected` are PyTorch's recorded outputs, `host` those of this machine's own runtime.
    """

    artifact: ArtifactFolder
    inputs: NDArray[np.generic]
    expected: Recorded
    host: Outputs

    @property
    def count(self) -> int:
        """Number of images."""
        return len(self.inputs) - 1

    def split(self, outputs: Arrays) -> tuple[Outputs, bool]:
        """What a lab computed for the N images, and whether the repeated image gave the same bits.

        Raises WorkerFailed for other outputs than the manifest's.
        """
        manifest = self.artifact.manifest
        if sorted(outputs) != sorted(output.name for output in manifest.outputs):
            raise WorkerFailed(f"its outputs are {', '.join(outputs) or 'none'}")
        found: dict[str, NDArray[np.float32]] = {}
        repeatable = True
        for output in manifest.outputs:
            rows = outputs[output.name]
            wanted = (len(self.inputs), *output.shape[1:])
            if rows.dtype.kind != "f" or rows.shape != wanted:
                raise WorkerFailed(f"{output.name} is {rows.dtype} {rows.shape}, not {wanted}")
            repeatable &= rows[0].tobytes() == rows[-1].tobytes()
            layout = output.layout or "NHWC"
            found[output.name] = np.asarray(channels_last(rows[:-1], layout), np.float32)
        return self.expected.seen_in(found), repeatable


def load(artifact: ArtifactFolder, count: int) -> Subject:
    """Read the first golden images, and run the file on them here; raises GateFailed."""
    images = golden.images(artifact)[:count]
    expected = golden.read(artifact).first(count)
    host = _run_here(artifact, images)
    return Subject(
        artifact=artifact,
        inputs=in_layout(artifact.manifest, np.concatenate((images, images[:1]))),
        expected=expected,
        host=expected.seen_in(host),
    )


@isolated(of=lambda artifact: artifact.root)
def _run_here(artifact: ArtifactFolder, images: NDArray[np.uint8]) -> Outputs:
    """What this machine's own runtime computes; raises ArtifactError."""
    runner = registry.load(artifact.manifest.target).runner(artifact.model_path)
    return running.run(runner, images, artifact.manifest.task, names=artifact.manifest.output_names)


def in_layout(manifest: Manifest, images: NDArray[np.uint8]) -> NDArray[np.generic]:
    """(N, H, W, 3) bytes in the layout and type that the file takes."""
    if manifest.input.layout == "NCHW":
        images = images.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(images.astype(manifest.input.dtype))

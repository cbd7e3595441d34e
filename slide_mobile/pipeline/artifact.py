"""An artifact as Python code uses it: load it, look at it, check it, ask it."""

import functools
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slide_mobile.artifact import folder
from slide_mobile.artifact.manifest import Graph, Manifest
from slide_mobile.isolation.files import StrPath
from slide_mobile.pipeline import inspect as inspecting
from slide_mobile.pipeline.predict import TOP, Prediction, Predictor
from slide_mobile.preprocess import Picture
from slide_mobile.progress import Progress, automatic
from slide_mobile.tasks import Outputs

if TYPE_CHECKING:
    from slide_mobile.parity.check_result import CheckResult


class Artifact(folder.ArtifactFolder):
    """An artifact folder, and the operations on it.

    `predict` and `outputs` run the model file in this process, as an app does, after its files
    were compared with the manifest. For a folder that you do not trust, use the command line: it
    runs the file in a process of its own.
    """

    @classmethod
    def load(cls, root: StrPath) -> "Artifact":
        """Read a folder's manifest; raises ArtifactError, GateFailed (integrity)."""
        return cls.open(Path(root))

    def __fspath__(self) -> str:
        """The folder: what takes the path of an artifact takes an artifact, too."""
        return str(self.root)

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy, as for a child process, has no loaded model."""
        return _copied, (self.root, self.manifest, self.manifest_sha256)

    def predict(self, image: Picture, *, top: int = TOP) -> Prediction:
        """Answer for one image: a path, a PIL image, or RGB bytes of shape (H, W, 3).

        The image is cropped and resized as in calibration. The model is loaded once, at the first
        call. Raises UnreadableImage, ArtifactError, GateFailed (integrity).
        """
        return self._predictor.predict(image, top=top)[0]

    def outputs(self, image: Picture) -> Outputs:
        """Run the file on one image: logits (1, num_classes) or maps (1, H, W, C), by name."""
        return self._predictor.predict(image)[1]

    def check(
        self,
        *,
        images: StrPath | None = None,
        checkpoint: StrPath | None = None,
        progress: Progress = automatic,
    ) -> "CheckResult":
        """Compare the file with PyTorch again; see `slide_mobile.check`."""
        from slide_mobile.pipeline import check  # needs torch, which takes seconds

        return check.check(self.root, folder=images, checkpoint=checkpoint, progress=progress)

    def inspect(self) -> Graph:
        """Read the file's graph again; raises ArtifactError, GateFailed (integrity)."""
        return inspecting.inspect(self.root)

    @functools.cached_property
    def _predictor(self) -> Predictor:
        """The loaded model file."""
        return Predictor.load(self)

    def _repr_html_(self) -> str:
        """A table for notebooks: what the file is, and what the comparison with PyTorch said."""
        rows = "".join(
            f"<tr><th style='text-align:left'>{escape(name)}</th><td>{escape(value)}</td></tr>"
            for name, value in self._facts()
        )
        return f"<table>{rows}</table>"

    def _facts(self) -> Sequence[tuple[str, str]]:
        """What a notebook shows."""
        made, parity = self.manifest, self.manifest.parity
        facts = [
            ("artifact", str(self.root)),
            ("model", f"{made.model.name}, {'' if made.model.trained else 'un'}trained"),
            ("file", f"{made.file}, {made.precision}, {made.size_bytes / 1e6:.2f} MB"),
            ("verdict", "passed" if parity.passed else "failed"),
            ("SQNR", f"{parity.sqnr_db:.1f} dB (floor {parity.min_sqnr_db:.0f} dB)"),
            ("compared on", f"{parity.samples} images ({parity.images})"),
            ("executed by", parity.runtime),
        ]
        if made.accuracy is not None:
            facts.append(("top-1", f"{made.accuracy.top1:.2%} of {made.accuracy.images} images"))
        return facts


def _copied(root: Path, manifest: Manifest, manifest_sha256: str) -> Artifact:
    return Artifact(root=root, manifest=manifest, manifest_sha256=manifest_sha256)

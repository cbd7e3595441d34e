"""Artifacts that tests share: each is converted once in a run, by whoever asks for it first."""

from pathlib import Path
from typing import Any

import slide_mobile
from slide_mobile.artifact.atomic import alone_in
from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.parity.source import CalibrationImages, ModelSource
from slide_mobile.targets.format import Format


class ConvertedOnce:
    """`slide_mobile.convert` of untrained weights, which keeps what it made in a folder.

    All of pytest-xdist's workers may use one folder: the first to ask for an artifact converts it
    while the others wait. It is everyone's then: a test that edits an artifact copies it before.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(
        self, target: str, precision: str, *, model: str = "slide_swin_test", **options: object
    ) -> ArtifactFolder:
        """Eight images calibrate; `options` are those of ModelSource and of Format."""
        asked = (model, target, precision, *(f"{name}={options[name]}" for name in sorted(options)))
        out = self.folder / "-".join(asked)
        with alone_in(out):
            # Hidden ones are what a worker that died has left.
            whole = list(out.glob("[!.]*/manifest.json"))
            if not whole:
                return convert_untrained(model, target, precision, out=out, **options)
        (manifest,) = whole
        artifact = ArtifactFolder.open(manifest.parent)
        artifact.verify()  # no test has edited what is everyone's
        return artifact


def convert_untrained(
    model: str, target: str, precision: str, *, out: Path, **options: Any
) -> ArtifactFolder:
    """Convert random weights, calibrated on eight drawings."""
    of_format = {name: options.pop(name) for name in ("backend", "via", "task") if name in options}
    return slide_mobile.convert(
        ModelSource(model, untrained=True, **options),
        to=Format(target, precision, **of_format),
        calibration=CalibrationImages(samples=8),
        out=out,
    )

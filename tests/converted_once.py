"""Artifacts that tests share: each is converted once in a run, by whoever asks for it first."""

from pathlib import Path

import slide_mobile
from slide_mobile.artifact.atomic import alone_in
from slide_mobile.artifact.folder import Artifact


class ConvertedOnce:
    """`slide_mobile.convert` of untrained weights, which keeps what it made in a folder.

    All of pytest-xdist's workers may use one folder: the first to ask for an artifact converts it
    while the others wait. It is everyone's then: a test that edits an artifact copies it before.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(
        self, target: str, precision: str, *, model: str = "slide_swin_test", **options: object
    ) -> Artifact:
        """Eight images calibrate; `options` are those of `slide_mobile.convert`."""
        asked = (model, target, precision, *(f"{name}={options[name]}" for name in sorted(options)))
        out = self.folder / "-".join(asked)
        with alone_in(out):
            # Hidden ones are what a worker that died has left.
            whole = list(out.glob("[!.]*/manifest.json"))
            if not whole:
                return slide_mobile.convert(
                    model, target=target, precision=precision, untrained=True,
                    calibration_samples=8, out=out, **options,
                )  # fmt: skip
        (manifest,) = whole
        artifact = Artifact.open(manifest.parent)
        artifact.verify()  # no test has edited what is everyone's
        return artifact

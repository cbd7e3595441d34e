"""A cell's steps as command lines: `slide-mobile convert` and `slide-mobile check`.

Each step is a process of its own, so its memory is known and a crash fails one cell only.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

from slide_mobile.isolation.files import StrPath
from slide_mobile.preprocess import IMAGENET, sides
from slide_mobile.release.plan import Cell

Step = Literal["convert", "check"]
STEPS: tuple[Step, ...] = get_args(Step)
ARTIFACTS = "artifacts"


def artifact(out: Path, name: str) -> Path:
    """Where the artifact of a cell is in the release's folder."""
    return out / ARTIFACTS / name


def arguments(cell: Cell, step: Step, out: Path) -> list[str]:
    """The arguments of `slide-mobile` for one step; `out` is the release's folder."""
    words = _convert(cell, out / ARTIFACTS) if step == "convert" else _check(cell, out)
    return [step, *words, "--json", "--quiet"]


def _convert(cell: Cell, artifacts: Path) -> list[str]:
    """The arguments of `convert` for a cell."""
    source, to, calibration = cell.source, cell.to, cell.calibration
    options: dict[str, str | int | StrPath | None] = {
        "--to": to.target,
        "--precision": to.precision,
        "--backend": to.backend,
        "--via": to.via,
        "--task": to.task,
        "--checkpoint": source.checkpoint,
        "--weights": source.weights,
        "--num-classes": source.num_classes,
        "--input-size": source.input_size and "x".join(map(str, sides(source.input_size))),
        "--stripes": None if source.stripes is None else ",".join(map(str, source.stripes)),
        "--labels": source.labels,
        "--calibration": calibration.folder,
        "--calibration-samples": calibration.samples,
        "--lab": ",".join(cell.labs) or None,
        "--out": artifacts,
    }
    if source.normalization != IMAGENET:
        options["--mean"] = ",".join(map(str, source.normalization.mean))
        options["--std"] = ",".join(map(str, source.normalization.std))
    flags = ["--untrained", "--force"] if source.untrained else ["--force"]
    assert source.name is not None
    return [source.name, *_words(options), *flags]


def _check(cell: Cell, out: Path) -> list[str]:
    """The arguments of `check` for a cell."""
    options = {"--checkpoint": cell.source.checkpoint, "--images": cell.images}
    return [str(artifact(out, cell.name)), *_words(options)]


def _words(options: Mapping[str, str | int | StrPath | None]) -> list[str]:
    """The options that have a value; the others keep their default."""
    given = {name: value for name, value in options.items() if value is not None}
    return [word for name, value in given.items() for word in (name, str(value))]

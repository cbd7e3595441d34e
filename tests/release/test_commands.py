"""A cell's command lines give `convert` exactly the values of the cell."""

from pathlib import Path

import click
import pytest

from slide_mobile.cli import main
from slide_mobile.parity.source import CalibrationImages, ModelSource
from slide_mobile.pipeline import convert as pipeline
from slide_mobile.preprocess import Normalization
from slide_mobile.release.commands import arguments
from slide_mobile.release.plan import Cell
from slide_mobile.targets.format import Format


class Called(Exception):
    pass


CELLS = [
    (ModelSource("slide_swin_demo"), Format("tflite", "fp32"), CalibrationImages()),
    (
        ModelSource(
            "slide_swin_tiny",
            checkpoint=Path("w.pth"),
            num_classes=7,
            input_size=(64, 96),
            normalization=Normalization(mean=(0.5, 0.4, 0.3), std=(0.1, 0.2, 0.25)),
            labels=Path("labels.txt"),
        ),
        Format("executorch", "int8", backend="xnnpack", via="direct", task="features"),
        CalibrationImages(folder=Path("photos"), samples=9),
    ),
    (ModelSource("slide_swin_test", untrained=True), Format("onnx", "fp16"), CalibrationImages()),
]


@pytest.mark.parametrize(("source", "to", "calibration"), CELLS)
def test_convert_gets_the_values_of_the_cell(
    source: ModelSource,
    to: Format,
    calibration: CalibrationImages,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cell = Cell(
        name="cell", source=source, to=to, calibration=calibration, images=None,
        labs=("gpu", "fp16"), fingerprint="", memory_bytes=1.0,
    )  # fmt: skip
    found = []

    def convert(*arguments: object, **options: object) -> None:
        found.append((*arguments, options["to"], options["calibration"], options["out"]))
        assert options["force"] and list(options["labs"]) == ["gpu", "fp16"]
        raise Called

    monkeypatch.setattr(pipeline, "convert", convert)
    with pytest.raises(Called):
        run(arguments(cell, "convert", tmp_path))
    assert found == [(source, to, calibration, tmp_path / "artifacts")]


def run(words: list[str]) -> None:
    """Call a command of the program, with its errors let through."""
    command = main.get_command(click.Context(main), words[0])
    assert command is not None
    command.main([*words[1:], "--debug"], standalone_mode=False)

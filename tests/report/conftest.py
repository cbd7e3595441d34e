"""Artifacts to report on: in memory for what a report says, converted ones for the whole page."""

from pathlib import Path

import pytest
from converted_once import ConvertedOnce, convert_untrained
from fake_converter import FakeConverter, install
from measurements import document

from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.report import writing


@pytest.fixture(scope="session")
def in_memory(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[FakeConverter, list[ArtifactFolder]]:
    """Three artifacts of one classifier, and the converter that knows them."""
    out, converter = tmp_path_factory.mktemp("fake"), FakeConverter()
    with pytest.MonkeyPatch.context() as patch:
        install(patch, converter)
        return converter, [
            convert_untrained("slide_swin_test", "fake", precision, out=out)
            for precision in ("fp32", "int8-dynamic", "int8")
        ]


@pytest.fixture
def artifacts(
    in_memory: tuple[FakeConverter, list[ArtifactFolder]], monkeypatch: pytest.MonkeyPatch
) -> list[ArtifactFolder]:
    """The same artifacts, while their target is known."""
    converter, made = in_memory
    install(monkeypatch, converter)
    return made


@pytest.fixture(scope="session")
def made(converted: ConvertedOnce) -> dict[str, ArtifactFolder]:
    """Four artifacts of one model: two targets, a float and two int8 files, and features."""
    return {
        "tflite fp32": converted("tflite", "fp32"),
        "tflite int8": converted("tflite", "int8"),
        "onnx int8": converted("onnx", "int8"),
        "features": converted("tflite", "fp32", task="features"),
    }


@pytest.fixture(scope="session")
def classifiers(made: dict[str, ArtifactFolder]) -> list[ArtifactFolder]:
    return [art for art in made.values() if art.manifest.task == "classify"]


@pytest.fixture(scope="session")
def whole(made: dict[str, ArtifactFolder], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with every part: all artifacts, the host's latencies and a phone's."""
    arts = list(made.values())
    host = document(arts, [4.0, 2.0, 3.0, 5.0], invalid=[2])
    phone = document(arts[:2], [1.5, 0.9], source="ios", device="a phone")
    out = tmp_path_factory.mktemp("report") / "report.html"
    written = writing.write_report([a.root for a in arts], out, bench=[host, phone])
    assert written.passed and not written.problems and written.format == "html"
    return out

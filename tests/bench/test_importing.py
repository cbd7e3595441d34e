"""What a device farm gives back: a folder with our documents among its own files."""

from pathlib import Path

import pytest

from slide_mobile.bench import BenchConfig, documents, importing, measure
from slide_mobile.errors import UsageError

PHONE = Path(__file__).parents[2] / "apps/conformance/bench/valid/android.json"
IPHONE = PHONE.with_name("sustained.json")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two phones with their documents, a report of the farm, and a log."""
    for name, document in (("pixel/results1.json", PHONE), ("iphone/game-loop-4.json", IPHONE)):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(document.read_bytes())
    (tmp_path / "manifest.json").write_text('[{"exportedFileName": "x"}]')
    (tmp_path / "pixel/logcat").write_text("not JSON")
    return tmp_path


def test_the_documents_in_a_folder_are_imported(folder: Path) -> None:
    found = measure([], config=BenchConfig(imports=(folder,)))
    assert found.passed
    assert found.imported == (documents.read(IPHONE), documents.read(PHONE))


def test_a_file_and_a_folder_are_imported_together(folder: Path) -> None:
    assert len(importing.read([PHONE, folder]).documents) == 3


def test_a_loop_that_failed_is_told_beside_the_others(folder: Path) -> None:
    (folder / "pixel/results2.json").write_text("FAILED no artifact can be measured\n")
    found = measure([], config=BenchConfig(imports=(folder,)))
    assert not found.passed and len(found.imported) == 2
    (failure,) = found.failed
    assert failure.artifact == str(folder / "pixel/results2.json")
    assert "is not a measurement: it is not JSON" in failure.error


def test_a_name_that_no_system_takes_is_a_failure_among_others() -> None:
    found = importing.read([PHONE, Path("x" * 5000)])
    assert len(found.documents) == 1 and len(found.failures) == 1


def test_a_damaged_document_is_told(folder: Path) -> None:
    text = PHONE.read_text().replace('"source": "android"', '"source": "toaster"')
    (folder / "pixel/results1.json").write_text(text)
    found = measure([], config=BenchConfig(imports=(folder,)))
    assert len(found.imported) == 1 and "source" in found.failed[0].error


def test_a_folder_without_a_measurement_is_refused(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("{}")
    with pytest.raises(UsageError, match="has no measurement: give a"):
        measure([], config=BenchConfig(imports=(tmp_path,)))

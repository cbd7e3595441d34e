"""Files are built once each, and one that cannot be built costs its own row only."""

from pathlib import Path

import pytest

from benchmarks.lib.measuring import build_all, forms, measure
from benchmarks.lib.results.files import Candidate, ModelFile, Refused


def candidate(width: int) -> Candidate:
    return Candidate(
        model="slide_swin_test", form="deploy", target="tflite", precision="fp32", size=(64, width)
    )


def test_a_model_has_the_forms_that_can_be_made_of_it() -> None:
    assert forms("slide_swin_tiny") == ("published", "deploy", "floor")
    assert forms("swin_tiny") == ("published", "deploy")
    assert forms("im2col_swin_tiny") == ("published",)


@pytest.mark.slow
def test_a_file_is_built_once_and_timed(tmp_path: Path) -> None:
    (file,) = built = build_all([candidate(96)], tmp_path)
    assert isinstance(file, ModelFile) and file.sqnr_db is not None
    assert file.sqnr_db > 90 and file.total_ops > 0
    model = candidate(96).path(tmp_path)
    written = model.stat().st_mtime_ns
    assert build_all([candidate(96)], tmp_path) == built
    assert model.stat().st_mtime_ns == written
    rows, refused = measure(built, tmp_path, threads=[1], runs=3)
    assert not refused
    assert [(r.name, r.threads) for r in rows] == [(candidate(96).name, 1)]


@pytest.mark.full_size
def test_a_file_that_is_gone_is_built_anew_whatever_was_found_in_it(tmp_path: Path) -> None:
    built = build_all([candidate(96)], tmp_path)
    candidate(96).path(tmp_path).unlink()
    assert build_all([candidate(96)], tmp_path) == built
    assert candidate(96).path(tmp_path).exists()


@pytest.mark.slow
def test_a_file_that_cannot_be_built_costs_its_row_only(tmp_path: Path) -> None:
    (odd,) = build_all([candidate(97)], tmp_path)
    assert isinstance(odd, Refused)
    assert odd.error.startswith("UsageError: input size 64x97 does not fit")
    note = candidate(97).path(tmp_path).with_suffix(".tflite.json")
    assert list(tmp_path.iterdir()) == [note]
    # It is not tried again.
    note.write_text(note.read_text().replace(odd.error, "as before"))
    (kept,) = build_all([candidate(97)], tmp_path)
    assert isinstance(kept, Refused) and kept.error == "as before"
    assert measure([kept], tmp_path, threads=[1], runs=1) == ((), (kept,))

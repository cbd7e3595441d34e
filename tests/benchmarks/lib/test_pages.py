"""The pages of this repository hold the tables that the results make."""

import json
from pathlib import Path

import pytest

from benchmarks.lib.pages import FORMS_FILE, ROOT, TABLES, filled, pages
from benchmarks.lib.results.arm64_counts import Counts
from benchmarks.lib.results.document import read
from benchmarks.lib.results.identical import Identical
from slide_mobile.artifact import documents

PAGES = list(pages())
RESULTS = sorted((ROOT / "benchmarks/results").glob("*.json"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_measured_tables_of_the_pages_are_those_of_the_benchmarks(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert filled(text) == text
    assert text.count("<!-- measured: ") == text.count("<!-- end -->") >= 1
    assert "-->\n<!-- end" not in text  # a table that was not measured, or not found


def test_every_measured_table_is_on_a_page() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert all(
        f"<!-- measured: {name} -->" in text
        for name, table in TABLES.items()
        if (ROOT / table.file).exists()
    )


def test_a_page_is_found_by_its_marks(tmp_path: Path) -> None:
    (tmp_path / "docs/deep").mkdir(parents=True)
    mark = "<!-- measured: islands -->\n<!-- end -->\n"
    (tmp_path / "README.md").write_text("no table")
    (tmp_path / "docs/a.md").write_text("no table")
    (tmp_path / "docs/deep/b.md").write_text(mark)
    assert list(pages(tmp_path)) == [tmp_path / "docs/deep/b.md"]
    assert filled(mark, tmp_path) == mark  # not measured there


def test_a_table_of_no_known_name_is_an_error() -> None:
    with pytest.raises(KeyError, match="ilands"):
        filled("<!-- measured: ilands -->\n<!-- end -->\n")


OTHERS = {"identical": Identical, "arm64_counts": Counts}  # of which no page has a table
KINDS = {table.file: table for table in TABLES.values()}


@pytest.mark.parametrize("path", [*RESULTS, ROOT / FORMS_FILE], ids=lambda path: path.stem)
def test_a_result_file_holds_what_its_class_says_and_no_more(path: Path) -> None:
    name = path.relative_to(ROOT).as_posix()
    kind = OTHERS[path.stem] if path.stem in OTHERS else KINDS[name].kind
    written = documents.encode(read(path, kind))
    assert json.loads(written) == json.loads(path.read_text(encoding="utf-8"))

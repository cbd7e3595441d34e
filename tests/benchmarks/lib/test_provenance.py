"""A result says which table of graph forms it was measured with, and its page if that is old."""

import json
from pathlib import Path

import msgspec
import pytest
from benchmark_rows import ENVIRONMENT

from benchmarks.choose import save_rows
from benchmarks.lib import pages, provenance
from benchmarks.lib.pages import Table
from benchmarks.lib.results import islands
from benchmarks.lib.results.document import environment, save
from slide_mobile.deploy.forms import TABLE

NOW, OLD = provenance.digest(), "0" * 64


@pytest.mark.parametrize(
    ("digests", "age"),
    [
        ([], "unknown"),
        ([NOW], "current"),
        ([OLD], "earlier"),
        ([NOW, OLD], "earlier"),
        ([NOW, NOW], "current"),
    ],
)
def test_a_result_is_as_old_as_the_table_that_it_names(digests: list[str], age: str) -> None:
    assert provenance.age(digests) == age


def test_another_form_is_another_table_and_another_latency_is_not(tmp_path: Path) -> None:
    document = json.loads(TABLE.read_text(encoding="utf-8"))

    def digest(name: str) -> str:
        (tmp_path / name).write_text(json.dumps(document), encoding="utf-8")
        return provenance.digest(tmp_path / name)

    row = document["rows"][0]
    row["measured"][0]["p50_ms"] *= 2
    assert digest("latency.json") == NOW
    row["form"]["strips"] += 1
    assert digest("form.json") != NOW


def test_the_scripts_write_the_digest_and_the_table_not_its_own(tmp_path: Path) -> None:
    assert environment(["onnx"]).forms_sha256 == NOW
    save_rows(tmp_path / "forms.json", [], runs=1)
    assert "forms_sha256" not in (tmp_path / "forms.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("told", "says", "age"),
    [(msgspec.UNSET, 0, "an unknown"), (NOW, 0, None), (OLD, 1, "an earlier")],
)
def test_a_page_says_that_a_table_is_old(
    told: str | msgspec.UnsetType, says: int, age: str | None, tmp_path: Path
) -> None:
    where = msgspec.structs.replace(ENVIRONMENT, forms_sha256=told)
    save(tmp_path / "r.json", islands.Islands(environment=where, rows=()))
    table = Table("r.json", islands.Islands, islands.table)
    assert table.text(tmp_path).count(pages.EARLIER) == says
    remark = None if age is None else f"r.json: measured with {age} table of graph forms"
    assert table.remark(tmp_path) == remark


def test_a_result_that_is_not_there_leaves_its_table_empty(tmp_path: Path) -> None:
    table = Table("r.json", islands.Islands, islands.table)
    assert table.text(tmp_path) == ""
    assert table.remark(tmp_path) == "r.json: not measured"

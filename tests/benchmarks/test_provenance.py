"""A result says which table of graph forms it was measured with, and its page where that is old."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import provenance, tables
from benchmarks.choose import save_rows
from benchmarks.provenance import FORMS
from benchmarks.whole import environment

NOW = provenance.sha256()


@pytest.mark.parametrize(
    ("document", "age"),
    [
        ({"rows": [{}]}, "unknown"),
        ({"environment": {FORMS: NOW}, "rows": [{}]}, "today's"),
        ({"environment": {FORMS: "0"}, "rows": [{}]}, "an earlier one"),
        ({FORMS: "0", "rows": []}, "an earlier one"),
        ({"rows": [{FORMS: NOW}, {FORMS: "0"}]}, "an earlier one"),
        ({"rows": [{FORMS: NOW}, {"error": "refused"}]}, "today's"),
    ],
)
def test_a_result_is_as_old_as_the_table_that_it_names(document: dict[str, Any], age: str) -> None:
    assert provenance.age(document) == age


def test_another_form_is_another_table_and_another_latency_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = json.loads(provenance.TABLE.read_text(encoding="utf-8"))
    monkeypatch.setattr(provenance, "TABLE", tmp_path / "forms.json")

    def of(changed: dict[str, Any]) -> str:
        provenance.TABLE.write_text(json.dumps(changed), encoding="utf-8")
        return provenance.sha256()

    row = document["rows"][0]
    row["measured"][0]["p50_ms"] *= 2
    assert of(document) == NOW
    row["form"]["strips"] += 1
    assert of(document) != NOW


def test_the_measuring_programs_write_it_and_the_table_not_its_own(tmp_path: Path) -> None:
    assert environment(["onnx"])[FORMS] == NOW
    save_rows(tmp_path / "forms.json", [], runs=1)
    assert FORMS not in (tmp_path / "forms.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(("told", "says"), [({}, 0), ({FORMS: NOW}, 0), ({FORMS: "0"}, 1)])
def test_a_page_says_that_a_table_is_old(
    told: dict[str, str], says: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = {"cpu": "a machine", "tiles": False, "model": "m"} | told
    (tmp_path / "r.json").write_text(json.dumps({"environment": where, "rows": []}))
    monkeypatch.setattr(tables, "ROOT", tmp_path)
    monkeypatch.setitem(tables.TABLES, "islands", ("r.json", tables.islands_table))
    assert tables.table("islands").count("earlier table of graph forms") == says

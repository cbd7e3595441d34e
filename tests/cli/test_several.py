"""`convert` to several formats at once, with a target in memory."""

import json
from pathlib import Path

import pytest
from calls import run
from fake_converter import FakeConverter, install

from slide_mobile.cli import several
from slide_mobile.errors import UnknownName
from slide_mobile.parity.source import ModelSource
from slide_mobile.recipes import Recipe
from slide_mobile.targets import registry

MODEL = ("convert", "slide_swin_test", "--untrained", "--quiet")


def decibels(recipe: Recipe, modules: frozenset[str]) -> float:
    """Files that reach their goals, but for those in fp16."""
    return 10.0 if recipe.name == "fp16" else recipe.goal_sqnr_db


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    """The target "fake", and only that one where all are asked for."""
    install(monkeypatch, FakeConverter(decibels=decibels))
    monkeypatch.setattr(registry, "names", lambda: ["fake"])


def test_every_target_in_every_precision() -> None:
    assert several.formats(["all"], ["FP32", "w8a8", "int8"]) == [
        ("fake", "fp32"),
        ("fake", "int8"),
    ]
    assert several.formats(["fake"], []) == [("fake", None)]
    with pytest.raises(UnknownName, match="no precision is named 'int9'"):
        several.formats(["fake"], ["int9"])
    with pytest.raises(UnknownName, match="no target is named 'gpu'"):
        several.formats(["gpu"], ["int8"])


def test_one_table_and_one_page(tmp_path: Path) -> None:
    page = tmp_path / "report.csv"
    done = run(*MODEL, "--to", "all", "--precision", "fp32,int8-dynamic", "--out", tmp_path,
               "--report", page)  # fmt: skip
    assert done.exit_code == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()[2:4]]
    assert [row[:3] for row in rows] == [
        ["fake", "fp32", "passed"],
        ["fake", "int8-dynamic", "passed"],
    ]
    assert [float(row[3]) for row in rows] == pytest.approx([110, 32], abs=1)
    assert "slide-mobile bench" in done.stdout and str(page) in done.stdout
    assert len(page.read_text().splitlines()) == 3


def test_one_failure_ends_its_own_format_only(tmp_path: Path) -> None:
    done = run(*MODEL, "--to", "fake", "--fp16", "--precision", "fp32,palette4", "--out", tmp_path,
               "--json")  # fmt: skip
    found = json.loads(done.stdout)["conversions"]
    assert done.exit_code == 2
    assert [(each["precision"], each["exit_code"]) for each in found] == [
        ("fp32", 0), ("palette4", 2), ("fp16", 1),
    ]  # fmt: skip
    assert found[0]["manifest"]["precision"] == "fp32" and found[1]["artifact"] is None
    assert "no precision for fake is named 'palette4'" in found[1]["error"]
    lines = done.stderr.splitlines()
    assert len(lines) == 2 and lines[1].startswith("error: fake fp16: ")
    assert [path.name for path in tmp_path.glob("*-fake-*") if path.is_dir()] == [
        "slide_swin_test-fake-fp32"
    ]


def test_one_format_prints_as_before(tmp_path: Path) -> None:
    page = tmp_path / "report.md"
    done = run(*MODEL, "--to", "FAKE", "--precision", "float32", "--out", tmp_path, "--json",
               "--report", page)  # fmt: skip
    document = json.loads(done.stdout)
    assert document["artifact"].endswith("slide_swin_test-fake-fp32")
    assert document["manifest"]["target"] == "fake" and page.exists()
    assert (
        ModelSource("slide_swin_test", untrained=True).name == document["manifest"]["model"]["name"]
    )

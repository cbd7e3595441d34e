"""The table of forms: every row is usable, and the nearest map decides where none matches."""

import json
from dataclasses import replace

import pytest

from benchmarks.choose import fastest
from benchmarks.latency import Latency
from slide_mobile import targets
from slide_mobile.deploy.forms import PLAIN, TABLE, Form, Forms, Shape, chosen

SMALL = Shape(height=28, width=28, dim=192, heads=6)
LARGE = Shape(height=56, width=56, dim=96, heads=3)
ROWS = Forms(
    (
        ("slide", SMALL, Form(strips=2)),
        ("slide", LARGE, Form(strips=4)),
        ("window", LARGE, Form(tokens="matrix")),
    )
)


def test_a_map_gets_its_own_row_or_the_nearest_of_its_attention() -> None:
    assert ROWS.of("slide", LARGE) == Form(strips=4)
    assert ROWS.of("slide", replace(SMALL, height=24, width=30)) == Form(strips=2)
    assert ROWS.of("window", SMALL) == Form(tokens="matrix")


def test_what_was_not_measured_gets_the_plain_form() -> None:
    assert PLAIN.of("slide", LARGE) == Form()
    assert chosen("a target", "fp32") == PLAIN


MEASURED = json.loads(TABLE.read_text())["rows"]


@pytest.mark.parametrize("row", MEASURED, ids=lambda row: f"{row['target']} {row['precision']}")
def test_a_row_holds_the_fastest_of_the_forms_that_it_measured(row: dict) -> None:
    assert row["precision"] in next(iter(targets.load(row["target"]).BACKENDS.values()))
    form = chosen(row["target"], row["precision"]).of(row["attention"], Shape(**row["shape"]))
    assert form == Form(**row["form"])
    times = {
        Form(**m["form"]): Latency(p50_ms=m["p50_ms"], p90_ms=m["p90_ms"]) for m in row["measured"]
    }
    assert form == fastest(times)

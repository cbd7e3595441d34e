"""Slide models over their parents."""

from benchmark_rows import ENVIRONMENT, refused, timed
from msgspec import structs

from benchmarks.families import PAIRS, merged, ratios
from benchmarks.lib.results.families import Families, table

OURS, PARENT = PAIRS[0].split(":")
ROWS = [
    timed(OURS, "deploy", "fp32", 10),
    timed(PARENT, "deploy", "fp32", 20),
    timed(OURS, "published", "fp32", 40),
    timed(PARENT, "published", "fp32", 25, valid=False),
]


def result(pair: str, p50_ms: float) -> Families:
    ours, parent = pair.split(":")
    rows = (timed(ours, "deploy", "fp32", p50_ms, pair=pair),)
    lines = ratios(rows, ours, parent)
    failed = structs.replace(refused(parent, "deploy", "fp32"), pair=pair)
    return Families(environment=ENVIRONMENT, ratios=lines, rows=rows, refused=(failed,))


def test_a_ratio_needs_two_valid_sides() -> None:
    fp32, int8 = ratios(ROWS, OURS, PARENT)
    assert (fp32.deploy, fp32.deploy_to_published, fp32.published) == (0.5, None, None)
    assert (int8.deploy, int8.deploy_to_published, int8.published) == (None, None, None)


def test_another_measurement_of_a_pair_replaces_the_first_and_others_stay_in_order() -> None:
    found = result("mine:yours", 1)
    for pair in (PAIRS[1], PAIRS[0]):
        found = merged(found, result(pair, 1))
    found = merged(found, result(PAIRS[1], 2))
    assert [row.pair for row in found.rows] == [PAIRS[0], PAIRS[1], "mine:yours"]
    assert [row.p50_ms for row in found.rows] == [1, 2, 1]
    assert len(found.refused) == 3 and len(found.ratios) == 6


def test_the_table_says_what_was_refused_and_what_is_invalid() -> None:
    rows = tuple(structs.replace(row, pair=PAIRS[0]) for row in ROWS)
    lines = ratios(rows, OURS, PARENT)
    text = table(Families(environment=ENVIRONMENT, ratios=lines, rows=rows))
    assert f"| `{OURS}` / `{PARENT}` | `fp32` | 0.50 | invalid | invalid | 10.0 | 1 |" in text
    assert f"| `{OURS}` / `{PARENT}` | `int8` | refused | refused | refused |  |  |  |" in text

"""The tables of whole models and of their gates."""

from benchmark_rows import ENVIRONMENT, refused, timed

from benchmarks.lib.gates import judged
from benchmarks.lib.results.whole import Whole, gates, table

ROWS = (
    timed("slide_swin_tiny", "published", "fp32", 100),
    timed("slide_swin_tiny", "deploy", "fp32", 60),
    timed("slide_swin_tiny", "floor", "int8", 50, sqnr_db=None),
)
RESULT = Whole(
    environment=ENVIRONMENT,
    gates=judged(ROWS),
    rows=ROWS,
    refused=(refused("swin_tiny", "published", "int8"),),
)


def test_the_tables_have_as_many_cells_in_every_line() -> None:
    for text in (table(RESULT), gates(RESULT)):
        lines = [line for line in text.splitlines() if line.startswith("|")]
        assert len(lines) > 3 and len({line.count("|") for line in lines}) == 1


def test_a_line_has_the_ratio_to_the_published_graph() -> None:
    assert "| deploy | `fp32` | 60.0 | 0.60 |" in table(RESULT)


def test_a_file_that_was_refused_has_a_line() -> None:
    assert "| published | `int8` | refused |" in table(RESULT)

"""Growth of latency with the image, and its table."""

from benchmark_rows import ENVIRONMENT, refused, timed
from msgspec import UNSET

from benchmarks.growth import grown
from benchmarks.lib.results.growth import Growth, table

ROWS = grown(
    [
        timed("slide_swin_tiny", "deploy", "fp32", 10),
        timed("slide_swin_tiny", "deploy", "fp32", 44, size=(448, 448)),
        timed("swin_tiny", "published", "fp32", 20),
        timed("swin_tiny", "published", "fp32", 80, size=(448, 448)),
        timed("swin_tiny", "deploy", "fp32", 80, size=(448, 448), valid=False),
    ]
)


def test_time_a_pixel_is_relative_to_the_smallest_size_and_ratios_to_the_same() -> None:
    ours, larger, *_ = ROWS
    assert (ours.a_pixel_to_first, larger.a_pixel_to_first) == (1, 1.1)
    assert ours.ratios["swin_tiny_published"] == 0.5
    assert larger.ratios["swin_tiny_published"] == 0.55


def test_a_ratio_with_an_invalid_side_is_left_out() -> None:
    _, larger, *_, noisy = ROWS
    assert noisy.a_pixel_to_first is UNSET and noisy.ratios == {}
    assert "swin_tiny_deploy" not in larger.ratios


def test_the_table_has_as_many_cells_in_every_line() -> None:
    failed = refused("swin_tiny", "deploy", "int8")
    text = table(Growth(environment=ENVIRONMENT, rows=ROWS, refused=(failed,)))
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == 2 + 6 and len({line.count("|") for line in lines}) == 1
    assert "| swin_tiny | deploy | `fp32` | 448x448 | invalid |  |  |" in text

"""The picture in README.md is the one that the results make, and shows every number it is about."""

import xml.etree.ElementTree as ElementTree

import pytest

from benchmarks.lib import picture
from benchmarks.lib.pages import ROOT, TABLES
from benchmarks.lib.results.document import read
from benchmarks.lib.results.files import Timed
from benchmarks.lib.results.whole import Whole
from tests.benchmarks.benchmark_rows import ENVIRONMENT, timed

ROWS = (
    timed("slide_swin_tiny", "published", "fp32", 201.0),
    timed("slide_swin_tiny", "published", "int8", 102.0),
    timed("slide_swin_tiny", "deploy", "fp32", 53.0),
    timed("slide_swin_tiny", "deploy", "int8", 24.0),
    timed("swin_tiny", "published", "fp32", 105.0),
    timed("swin_tiny", "published", "int8", 56.0),
)


def drawn(*rows: Timed) -> ElementTree.Element:
    """The picture of these rows, as XML."""
    return ElementTree.fromstring(
        picture.latency(Whole(environment=ENVIRONMENT, gates=(), rows=rows))
    )


def test_the_picture_of_the_readme_is_drawn_from_the_results() -> None:
    result = read(ROOT / TABLES["whole"].file, Whole)
    assert (ROOT / picture.FILE).read_text(encoding="utf-8") == picture.latency(result)
    assert f"]({picture.FILE})" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_latency_has_a_bar_of_its_length() -> None:
    boxes = [
        (box[0].text, float(box.attrib["width"]))
        for box in drawn(*ROWS).iter("{http://www.w3.org/2000/svg}rect")
        if box.attrib["class"] in {"slow", "parent", "ours"}
    ]
    lengths = {(name or "").rpartition(": ")[2]: width for name, width in boxes}
    assert len(boxes) == len(lengths) == len(ROWS)
    longest = lengths["201 ms"]
    for row in ROWS:
        assert lengths[f"{row.p50_ms:.0f} ms"] == pytest.approx(longest * row.p50_ms / 201, abs=0.1)


def test_the_picture_says_unit_source_and_machine() -> None:
    text = " ".join(drawn(*ROWS).itertext())
    assert "milliseconds" in text and "lower is better" in text
    assert "benchmarks/results/whole.json" in text and "a machine without AMX" in text


@pytest.mark.parametrize("others", [{"valid": False}, {"threads": 2}])
def test_a_bar_without_a_valid_measurement_on_one_thread_is_an_error(
    others: dict[str, int],
) -> None:
    rows = (*ROWS[:-1], timed("swin_tiny", "published", "int8", 56.0, **others))
    with pytest.raises(KeyError):
        drawn(*rows)

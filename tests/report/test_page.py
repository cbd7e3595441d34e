"""The page: complete in itself, every chart in words and numbers, foreign text stays text."""

import dataclasses
import re
from pathlib import Path

import pytest
from edited import copied, edited, gathered
from measurements import compared, document
from msgspec.structs import replace
from pages import Seen

from slide_mobile.artifact.folder import Artifact
from slide_mobile.bench import comparison
from slide_mobile.report import page, summary, writing

MOST_BYTES = 3_000_000


@pytest.mark.slow
def test_a_page_loads_nothing_and_runs_nothing(whole: Path) -> None:
    text = whole.read_text(encoding="utf-8")
    assert len(text.encode()) < MOST_BYTES
    page = Seen(text)
    assert not {tag for tag, _ in page.tags} & {"script", "iframe", "object", "embed"}
    addresses = [
        value
        for _, attributes in page.tags
        for name, value in attributes.items()
        if name in {"src", "href", "srcset", "data", "xlink:href"}
    ]
    assert addresses and all(value.startswith(("data:", "#")) for value in addresses if value)
    assert "url(" not in text and "@import" not in text


@pytest.mark.slow
def test_every_chart_has_words_and_a_table(whole: Path) -> None:
    text = whole.read_text(encoding="utf-8")
    figures = re.findall(r'<figure id="([\w-]+)" class="chart">(.*?)</figure>', text, re.DOTALL)
    assert {"trade-latency", "trade-size", "modules", "ranges", "sustained", "int8"} <= {
        key for key, _ in figures
    }
    for key, content in figures:
        for label in re.findall(r'<svg [^>]*role="img"[^>]*aria-label="([^"]*)"', content):
            assert len(label) > 20, key
        assert content.count('role="img"') in (1, 2), key
        assert content.count("<tr>") >= 2, key
        assert re.search(r"<(rect|circle|polyline class=\"line)", content), key


@pytest.mark.slow
def test_every_image_has_a_text_and_its_guesses(whole: Path, made: dict[str, Artifact]) -> None:
    page = Seen(whole.read_text(encoding="utf-8"))
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(images) == 4 and all(image["alt"] for image in images)
    labels = made["tflite fp32"].labels
    assert "PyTorch: " in page.text and any(label in page.text for label in labels)


def test_what_is_not_sure_and_what_there_is_none_of(artifacts: list[Artifact]) -> None:
    given = document(artifacts[:2], [4.0, 2.0])
    pairs = (compared(1, 0, 0.5, spread=0.03),)
    ratios, intervals = comparison.tables([True, True], pairs)
    given = replace(given, comparisons=pairs, ratios=ratios, ratio_intervals=intervals)
    contents, documents = gathered(artifacts[:2], [given])
    (two, *_) = contents.pictures
    answers = tuple(dataclasses.replace(a, guesses=a.guesses[:2]) for a in two.answers)
    two = dataclasses.replace(two, guesses=two.guesses[:2], answers=answers)
    contents = dataclasses.replace(contents, pictures=(two,))
    text = page.html(contents, documents, created="2026-11-22T01:02:03Z")
    assert text.count('<td class="n">no answer <span class="soft whole">') == 2
    low, high = intervals[0][1]
    assert f"{low:.3f}\N{EN DASH}{high:.3f}" in text and "CPU 0." not in Seen(text).text
    one, other = (measured.name for measured in documents[0].measurements)
    assert f"No answer for {other} / {one}: the interval is 0.4" in Seen(text).text
    assert '<th scope="col">second</th><th scope="col" class="n">SQNR</th>' in text


def test_a_ratio_has_its_interval_and_that_in_cpu_time(artifacts: list[Artifact]) -> None:
    contents, documents = gathered(artifacts[:2], [document(artifacts[:2], [4.0, 2.0])])
    text = Seen(page.html(contents, documents, created="2026-11-22T01:02:03Z")).text
    assert "0.500 0.499\N{EN DASH}0.501 CPU 0.499" in text and "No answer for" not in text
    assert "2.000 1.995\N{EN DASH}2.005 CPU 2.002" in text


def test_a_phone_s_ratio_has_neither(artifacts: list[Artifact]) -> None:
    phone = document(artifacts[:2], [4.0, 2.0], source="ios", invalid=[1])
    contents, documents = gathered(artifacts[:2], [phone])
    text = Seen(page.html(contents, documents, created="2026-11-22T01:02:03Z")).text
    assert "It is the ratio of their p50" in text
    assert "No answer for" not in text and "CPU 0." not in text


def test_an_invalid_latency_is_shown_as_such_and_compared_with_nothing(
    artifacts: list[Artifact], tmp_path: Path
) -> None:
    given = document(artifacts, [4.0, 2.0, 3.0], invalid=[0])
    out = tmp_path / "report.html"
    written = writing.write_report([a.root for a in artifacts], out, bench=[given], modules=False)
    assert written.passed, "a noisy measurement is no fault of an artifact"
    text = out.read_text()
    assert "throttled: from nominal to serious" in text
    assert "2 of 3 artifacts have a valid latency" in text
    assert written.artifacts[0].latency_valid is False


def test_without_measurements_the_page_says_how_to_make_them(
    artifacts: list[Artifact], tmp_path: Path
) -> None:
    for name in ("report.html", "report.md"):
        writing.write_report([artifacts[0].root], tmp_path / name, modules=False)
        assert (
            summary.NOT_MEASURED.replace(">", "&gt;" if name == "report.html" else ">")
            in (tmp_path / name).read_text()
        )


def test_what_artifacts_say_of_themselves_stays_text(
    artifacts: list[Artifact], tmp_path: Path
) -> None:
    folder, manifest = copied(artifacts[0], tmp_path / "a"), artifacts[0].manifest
    edited(
        folder,
        graph=replace(manifest.graph, findings=("<script>alert(1)</script>",)),
        toolchain=manifest.toolchain | {"<b>bold</b>": "1"},
    )
    out = tmp_path / "r.html"
    writing.write_report([folder], out, modules=False)
    tags = {tag for tag, _ in Seen(out.read_text()).tags}
    assert not tags & {"script"} and "<script>alert(1)</script>" in Seen(out.read_text()).text

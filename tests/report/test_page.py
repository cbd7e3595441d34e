"""The page: complete in itself, every chart in words and numbers, foreign text stays text."""

import base64
import dataclasses
import hashlib
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from edited import copied, edited, gathered
from measurements import compared, document
from msgspec.structs import replace
from pages import Seen

from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.bench import BenchDocument, comparison
from slide_mobile.bench.change import BaselineComparison, Change
from slide_mobile.report import page, summary, writing
from slide_mobile.report.advice import HOST

MOST_BYTES = 3_000_000


@pytest.mark.slow
def test_a_page_loads_nothing_and_runs_its_own_script_alone(whole: Path) -> None:
    text = whole.read_text(encoding="utf-8")
    assert len(text.encode()) < MOST_BYTES
    page = Seen(text)
    assert not {tag for tag, _ in page.tags} & {"iframe", "object", "embed"}
    assert [attributes for tag, attributes in page.tags if tag == "script"] == [{}]
    (script,) = re.findall("<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in text and "fetch" not in script
    addresses = [
        value
        for _, attributes in page.tags
        for name, value in attributes.items()
        if name in {"src", "href", "srcset", "data", "xlink:href"}
    ]
    local = [value for value in addresses if value and not value.startswith(("data:", "#"))]
    assert local and all((whole.parent / unquote(value)).exists() for value in local)
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
def test_every_image_has_a_text_and_its_guesses(
    whole: Path, made: dict[str, ArtifactFolder]
) -> None:
    page = Seen(whole.read_text(encoding="utf-8"))
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(images) == 4 and all(image["alt"] for image in images)
    labels = made["tflite fp32"].labels
    assert "PyTorch: " in page.text and any(label in page.text for label in labels)


def test_what_is_not_sure_and_what_there_is_none_of(artifacts: list[ArtifactFolder]) -> None:
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


def test_a_ratio_has_its_interval_and_that_in_cpu_time(artifacts: list[ArtifactFolder]) -> None:
    contents, documents = gathered(artifacts[:2], [document(artifacts[:2], [4.0, 2.0])])
    text = Seen(page.html(contents, documents, created="2026-11-22T01:02:03Z")).text
    assert "0.500 0.499\N{EN DASH}0.501 CPU 0.499" in text and "No answer for" not in text
    assert "2.000 1.995\N{EN DASH}2.005 CPU 2.002" in text


def test_a_phone_s_ratio_has_neither(artifacts: list[ArtifactFolder]) -> None:
    phone = document(artifacts[:2], [4.0, 2.0], source="ios", invalid=[1])
    contents, documents = gathered(artifacts[:2], [phone])
    text = Seen(page.html(contents, documents, created="2026-11-22T01:02:03Z")).text
    assert "It is the ratio of their p50" in text
    assert "No answer for" not in text and "CPU 0." not in text


def test_an_invalid_latency_is_shown_as_such_and_compared_with_nothing(
    artifacts: list[ArtifactFolder], tmp_path: Path
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
    artifacts: list[ArtifactFolder], tmp_path: Path
) -> None:
    for name in ("report.html", "report.md"):
        writing.write_report([artifacts[0].root], tmp_path / name, modules=False)
        assert (
            summary.NOT_MEASURED.replace(">", "&gt;" if name == "report.html" else ">")
            in (tmp_path / name).read_text()
        )


def test_what_artifacts_say_of_themselves_stays_text(
    artifacts: list[ArtifactFolder], tmp_path: Path
) -> None:
    folder, manifest = copied(artifacts[0], tmp_path / "a"), artifacts[0].manifest
    edited(
        folder,
        graph=replace(manifest.graph, findings=("<script>alert(1)</script>",)),
        toolchain=manifest.toolchain | {"<b>bold</b>": "1"},
    )
    out = tmp_path / "r.html"
    writing.write_report([folder], out, modules=False)
    seen = Seen(out.read_text())
    tags = [tag for tag, _ in seen.tags]
    assert tags.count("script") == 1 and "<script>alert(1)</script>" in seen.text


def html(artifacts: list[ArtifactFolder], *given: BenchDocument) -> str:
    contents, documents = gathered(artifacts, list(given))
    return page.html(contents, documents, created="2026-11-22T01:02:03Z")


def test_invalid_results_are_folded_away_with_one_reason(artifacts: list[ArtifactFolder]) -> None:
    text = html(artifacts, document(artifacts, [4.0, 2.0, 3.0], invalid=[0, 2]))
    (folded,) = re.findall('<details class="invalid">(.*?)</details>', text, re.DOTALL)
    assert "2 results: throttled: from nominal to serious" in Seen(folded).text
    assert folded.count("<li>") == 2 and text.count("throttled: from nominal to serious") == 5
    every = html(artifacts, document(artifacts, [4.0, 2.0, 3.0], invalid=[0, 1, 2]))
    assert "No latency is valid." in every and summary.NONE_VALID in every


def test_a_profile_of_an_invalid_result_is_marked(artifacts: list[ArtifactFolder]) -> None:
    text = html(artifacts, document(artifacts, [4.0, 2.0, 3.0], invalid=[0]))
    charts = re.findall('<figure id="times-.*?</figure>', text, re.DOTALL)
    assert ["invalid: throttled" in chart for chart in charts] == [True, False, False]


def test_what_was_asked_for_and_cannot_be_is_not_called_unmeasured(
    artifacts: list[ArtifactFolder],
) -> None:
    given = document(artifacts[:1], [4.0])
    untimed = replace(
        given.results[0],
        p50_ms=None,
        p90_ms=None,
        p99_ms=None,
        mean_ms=None,
        samples_ms=(),
        runs=0,
        operations=None,
        valid=False,
        why_invalid=("Core ML runs on a Mac only",),
    )
    ratios, intervals = comparison.tables([False], ())
    given = replace(given, results=(untimed,), ratios=ratios, ratio_intervals=intervals)
    other = document(artifacts[2:], [4.0])
    result = replace(other.results[0], operations=None, why_no_operations="no profiler")
    text = Seen(html(artifacts, given, replace(other, results=(result,)))).text
    assert "not timed here" in text and "fake int8: no profiler" in text
    assert "not measured; to measure: slide-mobile bench ARTIFACT... --profile" not in text


def test_changes_from_a_baseline_are_a_table_and_beside_the_latency(
    artifacts: list[ArtifactFolder],
) -> None:
    given = document(artifacts[:2], [4.0, 2.0])
    changes = [
        Change(
            artifact=r.artifact, device="a machine", p50_ms=r.p50_ms, baseline_ms=r.p50_ms / factor,
            change_percent=round(100 * (factor - 1), 2), passed=factor < 1.05, why=None,
        )
        for r, factor in zip(given.results, (1.25, 0.8), strict=True)
    ]  # fmt: skip
    given = replace(given, baseline=BaselineComparison.of(Path("old.json"), 5.0, changes))
    text = Seen(html(artifacts, given)).text
    assert "failed compared with old.json; at most 5\N{NO-BREAK SPACE}% slower is allowed" in text
    assert HOST in text
    assert text.count("+25.0\N{NO-BREAK SPACE}%") == text.count("-20.0\N{NO-BREAK SPACE}%") == 2

"""The report of real artifacts: what it says, where it stops, and how a browser shows it."""

import csv
import dataclasses
import io
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import browser
import pytest
from click.testing import CliRunner, Result
from converted_once import ConvertedOnce
from measurements import document
from pages import Seen, contrast

import slide_mobile
from slide_mobile.artifact.folder import Artifact
from slide_mobile.cli import main
from slide_mobile.errors import OutputError, ToolchainMissing, UsageError
from slide_mobile.report import contents as gathering
from slide_mobile.report import measured, page, summary, writing
from slide_mobile.targets import registry

pytestmark = pytest.mark.slow

MOST_BYTES = 3_000_000


@pytest.fixture(scope="module")
def made(converted: ConvertedOnce) -> dict[str, Artifact]:
    """Four artifacts of one model: two targets, a float and two int8 files, and features."""
    return {
        "tflite fp32": converted("tflite", "fp32"),
        "tflite int8": converted("tflite", "int8"),
        "onnx int8": converted("onnx", "int8"),
        "features": converted("tflite", "fp32", task="features"),
    }


@pytest.fixture(scope="module")
def classifiers(made: dict[str, Artifact]) -> list[Artifact]:
    return [art for art in made.values() if art.manifest.task == "classify"]


@pytest.fixture(scope="module")
def whole(made: dict[str, Artifact], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with every part: all artifacts, the host's latencies and a phone's."""
    arts = list(made.values())
    host = document(arts, [4.0, 2.0, 3.0, 5.0], invalid=[2])
    phone = document(arts[:2], [1.5, 0.9], source="ios", device="a phone")
    out = tmp_path_factory.mktemp("report") / "report.html"
    written = writing.write([a.root for a in arts], out, bench=[host, phone])
    assert written.passed and not written.problems and written.format == "html"
    return out


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["report", "--quiet", *map(str, arguments)])


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


def test_every_image_has_a_text_and_its_guesses(whole: Path, made: dict[str, Artifact]) -> None:
    page = Seen(whole.read_text(encoding="utf-8"))
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(images) == 4 and all(image["alt"] for image in images)
    labels = made["tflite fp32"].labels
    assert "PyTorch: " in page.text and any(label in page.text for label in labels)


def test_the_numbers_are_the_manifests(classifiers: list[Artifact], tmp_path: Path) -> None:
    out = tmp_path / "report.csv"
    writing.write([a.root for a in classifiers], out, modules=False)
    rows = list(csv.DictReader(io.StringIO(out.read_text())))
    assert [row["artifact"] for row in rows] == ["tflite fp32", "tflite int8", "onnx int8"]
    for row, art in zip(rows, classifiers, strict=True):
        assert float(row["sqnr_db"]) == art.manifest.parity["sqnr_db"]
        assert int(row["size_bytes"]) == art.manifest.size_bytes
        assert row["manifest_sha256"] == art.manifest.manifest_sha256
        assert row["verdict"] == "passed" and row["p50_ms"] == ""
        # Run again here: four of the images that the conversion compared.
        assert abs(float(row["sqnr_here_db"]) - float(row["sqnr_db"])) < 12


def test_latencies_of_two_devices_never_stand_in_one_column(classifiers: list[Artifact]) -> None:
    host = document(classifiers[:2], [4.0, 2.0])
    phone = document(classifiers[1:], [0.5, 0.6], source="android", device="a phone")
    contents, documents = gathered(classifiers, [phone, host])
    rows = summary.rows(contents, documents)
    assert [row.p50_ms is None for row in rows] == [False, False, True]
    assert rows[1].measured is not None and rows[1].measured.setting.device == "a machine"
    (only_phone,) = summary.rows(*gathered(classifiers[1:2], [phone]))
    assert only_phone.measured is not None and only_phone.measured.setting.device == "a phone"


def test_latencies_of_other_threads_stand_in_no_column_of_these(
    classifiers: list[Artifact],
) -> None:
    given = document(classifiers, [4.0, 2.0, 3.0])
    given["results"][0] |= {"threads": 2}
    contents, documents = gathered(classifiers, [given])
    rows = summary.rows(contents, documents)
    assert [row.p50_ms is None for row in rows] == [True, False, False]
    assert (
        str(summary.compared_on(documents))
        == "a machine, a processor, a development machine, cpu, 1 thread(s)"
    )


def test_what_is_not_sure_and_what_there_is_none_of(classifiers: list[Artifact]) -> None:
    given = document(classifiers[:2], [4.0, 2.0])
    given["ratios"][0][1] = given["ratios"][1][0] = None
    contents, documents = gathered(classifiers[:2], [given])
    (two, *_) = contents.pictures
    seen = tuple((n, dataclasses.replace(s, guesses=s.guesses[:2])) for n, s in two.seen)
    two = dataclasses.replace(two, guesses=two.guesses[:2], seen=seen)
    contents = dataclasses.replace(contents, pictures=(two,))
    text = page.html(contents, documents, created="2026-11-22T01:02:03Z")
    assert text.count('<td class="n">not sure <span class="soft whole">') == 2
    assert "1.98\N{EN DASH}2.02" in text
    assert '<th scope="col">second</th><th scope="col" class="n">SQNR</th>' in text


def gathered(arts: list[Artifact], given: list[dict[str, Any]]) -> tuple[Any, Any]:
    contents = gathering.gather([a.root for a in arts], modules=False)
    documents, problems = measured.read(given, contents.entries)
    assert not problems
    return contents, documents


def test_an_invalid_latency_is_shown_as_such_and_compared_with_nothing(
    classifiers: list[Artifact], tmp_path: Path
) -> None:
    given = document(classifiers, [4.0, 2.0, 3.0], invalid=[0])
    out = tmp_path / "report.html"
    written = writing.write([a.root for a in classifiers], out, bench=[given], modules=False)
    assert written.passed, "a noisy measurement is no fault of an artifact"
    text = out.read_text()
    assert "throttled: from nominal to serious" in text
    assert "2 of 3 artifacts have a valid latency" in text
    assert written.rows[0]["latency_valid"] is False


def test_without_measurements_the_page_says_how_to_make_them(
    classifiers: list[Artifact], tmp_path: Path
) -> None:
    for name in ("report.html", "report.md"):
        writing.write([classifiers[0].root], tmp_path / name, modules=False)
        assert (
            summary.NOT_MEASURED.replace(">", "&gt;" if name == "report.html" else ">")
            in (tmp_path / name).read_text()
        )


def test_damaged_artifacts_are_a_line_each_and_the_rest_goes_on(
    classifiers: list[Artifact], tmp_path: Path
) -> None:
    flipped, garbled, older = (tmp_path / name for name in ("flipped", "garbled", "older"))
    for folder in (flipped, garbled, older):
        shutil.copytree(classifiers[0].root, folder)
    content = bytearray((flipped / "model.tflite").read_bytes())
    content[len(content) // 2] ^= 1
    (flipped / "model.tflite").write_bytes(content)
    (garbled / "manifest.json").write_text("{")
    (older / "manifest.json").write_text(json.dumps(resealed(older, schema_version=3)))
    (tmp_path / "b.json").write_text('{"schema_version": 1}')
    out = tmp_path / "r.html"
    result = run(
        flipped, classifiers[0].root, garbled, older, tmp_path / "nowhere", "--no-modules",
        "--bench", tmp_path / "b.json", "--bench", tmp_path / "none.json", "--out", out,
    )  # fmt: skip
    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    assert len(lines) == 6 and all(line.startswith("error: ") for line in lines)
    for word in ("changed after it was certified", "is not JSON", "schema 3", "nowhere", "b.json"):
        assert word in result.stderr and word in Seen(out.read_text()).text
    assert "passed" in result.stdout and str(out) in result.stdout


def resealed(folder: Path, **changes: object) -> dict[str, Any]:
    plain = json.loads((folder / "manifest.json").read_text()) | changes
    return plain | {"manifest_sha256": slide_mobile.artifact.manifest.seal(plain)}


def test_a_file_that_misses_its_floor_here_fails_the_report(
    classifiers: list[Artifact], tmp_path: Path
) -> None:
    folder = tmp_path / "wrong"
    shutil.copytree(classifiers[0].root, folder)
    plain = resealed(folder)
    for golden in plain["golden"]:
        golden["logits"] = [-x for x in golden["logits"]]
    (folder / "manifest.json").write_text(
        json.dumps(plain | {"manifest_sha256": slide_mobile.artifact.manifest.seal(plain)})
    )
    result = run(folder, "--no-modules", "--out", tmp_path / "r.md")
    assert result.exit_code == 1 and "failed" in result.stdout
    assert "the floor is 90 dB" in (tmp_path / "r.md").read_text()


def test_nothing_but_damage_is_still_a_page(tmp_path: Path) -> None:
    for name in ("r.html", "r.md", "r.csv"):
        assert run(tmp_path / "a", tmp_path / "b", "--out", tmp_path / name).exit_code == 1
        assert (tmp_path / name).read_text()
    assert "0 of 2" in Seen((tmp_path / "r.html").read_text()).text


def test_a_missing_toolchain_is_no_damage(
    classifiers: list[Artifact], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(target: str) -> None:
        raise ToolchainMissing(target, "litert")

    monkeypatch.setattr(registry, "load", missing)
    written = writing.write([classifiers[0].root], tmp_path / "r.html")
    assert written.passed and written.rows[0]["verdict"] == "not run"
    assert "pip install" in written.notes[0]
    assert "pip install" in Seen((tmp_path / "r.html").read_text()).text


def test_the_command_prints_one_document_with_json(
    classifiers: list[Artifact], tmp_path: Path
) -> None:
    result = run(classifiers[0].root, "--json", "--no-modules", "--out", tmp_path / "r.md")
    assert result.exit_code == 0
    plain = json.loads(result.stdout)
    assert plain["passed"] and plain["format"] == "markdown" and plain["problems"] == []
    assert [row["artifact"] for row in plain["artifacts"]] == ["tflite fp32"]


@pytest.mark.parametrize(("name", "error"), [("r.pdf", UsageError), ("", OutputError)])
def test_a_place_that_cannot_take_the_report_is_refused(
    name: str, error: type[Exception], tmp_path: Path
) -> None:
    with pytest.raises(error):
        writing.write([tmp_path], tmp_path / name, format=None if name else "html")


def test_what_is_no_file_is_not_replaced_by_the_report(tmp_path: Path) -> None:
    # As /dev/null and /dev/stdout are: for root, a file in their place is one for everybody.
    os.mkfifo(pipe := tmp_path / "r.md")
    with pytest.raises(OutputError, match="is not a file that could be replaced"):
        writing.write([tmp_path], pipe)
    assert pipe.is_fifo() and [path.name for path in tmp_path.iterdir()] == ["r.md"]


def test_a_date_can_be_given(
    classifiers: list[Artifact], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    out = tmp_path / "r.html"
    texts = []
    for _ in range(2):
        writing.write([classifiers[0].root], out, modules=False)
        texts.append(out.read_text())
    assert "1970-01-01 00:00 UTC" in texts[0] and texts[0] == texts[1]


def test_what_artifacts_say_of_themselves_stays_text(
    classifiers: list[Artifact], tmp_path: Path
) -> None:
    folder = tmp_path / "a"
    shutil.copytree(classifiers[0].root, folder)
    plain = resealed(folder)
    plain["graph"]["findings"] = ["<script>alert(1)</script>"]
    plain["toolchain"]["<b>bold</b>"] = "1"
    (folder / "manifest.json").write_text(
        json.dumps(plain | {"manifest_sha256": slide_mobile.artifact.manifest.seal(plain)})
    )
    out = tmp_path / "r.html"
    writing.write([folder], out, modules=False)
    tags = {tag for tag, _ in Seen(out.read_text()).tags}
    assert not tags & {"script"} and "<script>alert(1)</script>" in Seen(out.read_text()).text


def test_accuracy_is_drawn_where_every_artifact_has_it(classifiers: list[Artifact]) -> None:
    contents, documents = gathered(classifiers, [document(classifiers, [4.0, 2.0, 3.0])])
    rows = summary.rows(contents, documents)
    latency, _ = summary.trade(rows)
    assert latency.title == "SQNR and latency"
    accuracy = {"top1": 0.9, "reference_top1": 0.91, "images": 100}
    known = [
        dataclasses.replace(
            row,
            entry=dataclasses.replace(
                row.entry,
                artifact=dataclasses.replace(
                    row.entry.artifact,
                    manifest=dataclasses.replace(row.entry.artifact.manifest, accuracy=accuracy),
                ),
            ),
        )
        for row in rows
    ]
    latency, _ = summary.trade(known)
    assert latency.title == "Top-1 and latency" and latency.table is not None
    assert [row[2] for row in latency.table.rows] == [90.0] * 3


@pytest.fixture(scope="module")
def opened(whole: Path) -> Iterator[Callable[..., Any]]:
    with browser.chromium() as launched:

        def show(width: int, **options: Any) -> Any:
            page = launched.new_page(viewport={"width": width, "height": 844}, **options)
            said: list[str] = []
            page.on("console", lambda message: said.append(message.text))
            page.on("pageerror", lambda error: said.append(str(error)))
            page.on("requestfailed", lambda request: said.append(request.url))
            page.goto(whole.as_uri())
            return page, said

        yield show


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 390, 768, 1280])
def test_a_browser_shows_it_without_errors_and_without_scrolling_aside(
    width: int, scheme: str, opened: Callable[..., Any]
) -> None:
    page, said = opened(width, color_scheme=scheme)
    assert said == []
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= width
    # Every chart that is meant for this width is there, with marks that have a size.
    sizes = page.evaluate(
        """[...document.querySelectorAll('figure.chart')].map(figure => {
            const seen = [...figure.querySelectorAll('svg[role=img]')]
                .filter(svg => svg.getBoundingClientRect().width > 0);
            const marks = seen.flatMap(svg => [...svg.querySelectorAll('rect, circle, .line')]);
            return [figure.id, seen.length, marks.filter(
                mark => mark.getBoundingClientRect().width > 0).length];
        })"""
    )
    assert len(sizes) > 8
    assert [row for row in sizes if row[1] != 1 or row[2] == 0] == []
    page.close()


def test_it_prints_in_light_colours_within_the_page(opened: Callable[..., Any]) -> None:
    page, _ = opened(702, color_scheme="dark")  # A4 less margins of 12 mm
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= 702
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    seen = page.evaluate("getComputedStyle(document.querySelector('svg.wide')).display")
    assert seen == "block", "the wide charts are printed"
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_on_its_ground(scheme: str, opened: Callable[..., Any]) -> None:
    page, _ = opened(1280, color_scheme=scheme)
    pairs = page.evaluate(
        """[...document.querySelectorAll('p, th, td, h1, h2, h3, .verdict, .soft, summary')]
            .filter(x => x.textContent.trim()).map(x => {
                let ground = x;
                while (getComputedStyle(ground).backgroundColor === 'rgba(0, 0, 0, 0)')
                    ground = ground.parentElement;
                return [getComputedStyle(x).color, getComputedStyle(ground).backgroundColor];
            })"""
    )
    worst = min(contrast(*pair) for pair in {tuple(pair) for pair in pairs})
    assert worst >= 4.5  # WCAG 2.1, 1.4.3
    page.close()

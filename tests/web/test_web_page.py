"""The page in a real Chromium: its verdicts beside Python's, its document, and how it looks."""

import json
import os
import re
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import browser
import pytest
from converted_once import ConvertedOnce

from slide_mobile import web
from slide_mobile.artifact import golden
from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.bench import BenchConfig, measure
from slide_mobile.bench.documents import read
from slide_mobile.errors import EnvironmentMissing
from slide_mobile.lab.browser import LITERT_JS
from slide_mobile.parity import running
from slide_mobile.parity.metrics import sqnr_db
from slide_mobile.progress import silent
from slide_mobile.targets import cached_folders, registry
from slide_mobile.web import serving
from slide_mobile.web.receiving import Inbox

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent
# Chromium's own remark where a page asks for a GPU and there is none.
NO_GPU = "No available adapters."
# A picture that moves, and no question whether the page may see it.
CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
PATIENCE_MS = 120_000
NARROW = 360


@pytest.fixture(scope="module")
def litert_js() -> Iterator[None]:
    """LiteRT.js in the cache of the labs if it is there, else in the checkout."""
    with pytest.MonkeyPatch.context() as patch:
        if not LITERT_JS.is_made:
            patch.setenv(cached_folders.FOLDER_VARIABLE, str(ROOT / "build/lab"))
        try:
            cached_folders.build(LITERT_JS.root, LITERT_JS.make)
        except EnvironmentMissing as error:
            pytest.skip(str(error))
        yield


@pytest.fixture(scope="module")
def artifacts(converted: ConvertedOnce) -> list[ArtifactFolder]:
    features = converted("tflite", "fp32", task="features")
    return [*(converted("tflite", precision) for precision in ("fp32", "int8")), features]


@pytest.fixture(scope="module")
def page(
    litert_js: None, artifacts: list[ArtifactFolder], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """The page of all artifacts, after it has measured them, with what it `said`."""
    root = tmp_path_factory.mktemp("web") / "site"
    inbox = Inbox(root.with_name("measured"), lambda path: None)
    web.write([artifact.root for artifact in artifacts], root, progress=silent)
    with serving.bind(root, 0, inbox) as server, browser.chromium(*CAMERA) as chromium:
        thread = threading.Thread(target=serving.serve, args=(server,))
        thread.start()
        shown = chromium.new_page(viewport={"width": NARROW, "height": 800})
        shown.said, shown.asked = listened(shown)
        shown.root, shown.measured = root, root.with_name("measured")
        try:
            shown.goto(server.address)
            measured(shown)
            yield shown
        finally:
            server.shutdown()
            thread.join()


def listened(page: Any) -> tuple[list[str], list[str]]:
    """What the page writes to the console, and the addresses that it asks for."""
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("requestfailed", lambda request: said.append(request.url))
    page.on("request", lambda request: asked.append(request.url))
    return said, asked


def measured(page: Any, *, stop: bool = False) -> dict[str, Any]:
    """The document of a measurement with the fewest runs."""
    page.fill("#seconds", "0")
    page.click("#start:enabled", timeout=PATIENCE_MS)
    if stop:
        page.click("#stop:enabled")
    page.locator("#status", has_text="Done").wait_for(timeout=PATIENCE_MS)
    found: dict[str, Any] = json.loads(page.text_content("#json"))
    return found


def of_python(artifact: ArtifactFolder) -> float:
    """The SQNR over the golden images, of the same file in this machine's LiteRT."""
    runner, recorded = registry.load("tflite").runner(artifact.model_path), golden.read(artifact)
    found = running.run(runner, golden.images(artifact), artifact.manifest.task)
    seen = recorded.seen_in(found)
    return min(sqnr_db(recorded.outputs[name], seen[name]) for name in seen)


def test_the_verdicts_are_those_of_python(page: Any, artifacts: Sequence[ArtifactFolder]) -> None:
    rows = page.locator("#rows tr").all_inner_texts()
    assert len(rows) == len(artifacts)
    for row, artifact in zip(rows, artifacts, strict=True):
        assert "as PyTorch" in row
        assert ("top class 8 of 8" in row) == artifact.manifest.is_classifier
        (decibels,) = re.findall(r"([\d.]+) dB", row)
        assert float(decibels) == pytest.approx(of_python(artifact), abs=0.5)


def test_bench_imports_the_document(
    page: Any, artifacts: Sequence[ArtifactFolder], tmp_path: Path
) -> None:
    file = tmp_path / "page.json"
    file.write_text(page.text_content("#json"))
    (document,) = measure((), config=BenchConfig(imports=(file,)), progress=silent).imported
    assert document.source == "web" and "LiteRT.js" in document.environment.runtimes
    assert len(document.results) == len(artifacts)
    for result, artifact in zip(document.results, artifacts, strict=True):
        assert result.manifest_sha256 == artifact.manifest_sha256
        assert result.runs >= 50 and result.accelerator_used == "cpu"
        assert result.verify is not None and all(image.passed for image in result.verify)


def test_nothing_is_wrong_and_nobody_else_is_asked(page: Any) -> None:
    assert [text for text in page.said if text != NO_GPU] == []
    here = page.evaluate("location.origin")
    assert [url for url in page.asked if not url.startswith((f"{here}/", "blob:", "data:"))] == []


def test_a_visit_of_one_int8_artifact_is_at_most_12_megabytes(page: Any) -> None:
    sizes = page.evaluate(
        """async () => {
            const [name] = await caches.keys();
            const cache = await caches.open(name);
            return Promise.all((await cache.keys()).map(async key =>
                [key.url, (await (await cache.match(key)).arrayBuffer()).byteLength]));
        }"""
    )
    total = sum(size for url, size in sizes if "-fp32/" not in url)  # nor features, in fp32
    assert 9e6 < total < 12e6  # WebAssembly alone is 9.4 MB


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, NARROW, 1280])
def test_it_does_not_scroll_aside(width: int, scheme: Any, page: Any) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_everything_has_a_name_and_can_be_reached(page: Any) -> None:
    unnamed = page.evaluate(
        """[...document.querySelectorAll('button, input, select, a, svg')].filter(x =>
            !(x.textContent.trim() || x.labels?.length || x.getAttribute('aria-label')))
            .map(x => x.outerHTML)"""
    )
    assert unnamed == []
    assert page.get_attribute("#status", "aria-live") == "polite"
    page.focus("#start")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") != "start"
    table = page.locator("table").aria_snapshot()
    assert "columnheader" in table and "rowheader" in table


def test_stopped_latencies_are_not_valid(page: Any) -> None:
    document = measured(page, stop=True)
    for result in document["results"]:
        assert not result["valid"] and result["why_invalid"]


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core has no threads to share")
def test_the_servers_headers_give_the_page_threads(page: Any) -> None:
    assert page.evaluate("crossOriginIsolated")
    page.select_option("#threads", "2")
    results = measured(page)["results"]
    page.select_option("#threads", "1")
    assert [result["threads"] for result in results] == [2] * len(results)
    assert all(image["passed"] for result in results for image in result["verify"])


def test_a_measurement_is_sent_back_to_the_server(page: Any) -> None:
    page.click("#send")
    page.locator("#status", has_text="Sent back as").wait_for(timeout=PATIENCE_MS)
    (file,) = page.measured.iterdir()
    sent, shown = read(file), json.loads(page.text_content("#json"))
    assert file.name in page.inner_text("#status")
    assert [list(result.samples_ms) for result in sent.results] == [
        result["samples_ms"] for result in shown["results"]
    ]


def test_the_camera_names_classes_until_it_is_stopped(
    page: Any, artifacts: Sequence[ArtifactFolder]
) -> None:
    page.click("#camera")
    page.locator("#classes li").nth(2).wait_for(timeout=PATIENCE_MS)
    labels = set(artifacts[0].labels)
    names = [text.rsplit(" ", 1)[0] for text in page.locator("#classes li").all_inner_texts()]
    assert len(names) == 3 and set(names) <= labels
    assert page.is_disabled("#start") and page.is_visible("#video")
    page.click("#stop")
    page.locator("#status", has_text="The camera is off").wait_for(timeout=PATIENCE_MS)
    assert page.evaluate("document.getElementById('video').srcObject") is None
    assert page.is_enabled("#start") and page.is_hidden("#seen")


def test_it_works_without_a_network(page: Any, artifacts: Sequence[ArtifactFolder]) -> None:
    page.context.set_offline(True)
    try:
        page.reload()
        assert len(measured(page)["results"]) == len(artifacts)
    finally:
        page.context.set_offline(False)


def test_a_damaged_file_is_named(page: Any, artifacts: Sequence[ArtifactFolder]) -> None:
    """The digest does not fit what the service worker serves."""
    page.evaluate(
        """async () => {
            const [name] = await caches.keys();
            const cache = await caches.open(name);
            for (const key of await cache.keys())
                if (key.url.endsWith('model.tflite')) await cache.put(key, new Response('x'));
        }"""
    )
    document = measured(page)
    assert document["results"] == []
    assert {item["artifact"] for item in document["failed"]} == {a.root.name for a in artifacts}
    assert all("is damaged" in item["error"] for item in document["failed"])


def test_a_site_that_was_written_anew_replaces_what_the_browser_kept(
    page: Any, artifacts: Sequence[ArtifactFolder]
) -> None:
    web.write(artifacts[1].root, page.root, force=True, progress=silent)
    page.goto(page.url)
    page.locator("#start:enabled").wait_for(timeout=PATIENCE_MS)
    (result,) = measured(page)["results"]
    assert result["artifact"] == artifacts[1].root.name
    assert len(page.evaluate("caches.keys()")) == 1

"""What the page computes, in a real Chromium: equal to Python, by the vectors of the apps."""

import json
import math
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import browser
import numpy as np
import pytest

from slide_mobile.artifact import golden
from slide_mobile.bench.config import USUAL
from slide_mobile.lab.gpu import MIN_FP16_DB
from slide_mobile.web import serving

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent
CONFORMANCE = ROOT / "apps/conformance"


@pytest.fixture(scope="module")
def page() -> Iterator[Any]:
    """A page that has the modules beside it, and runs none of them."""
    folder = ROOT / "slide_mobile/web/page"
    with serving.bind(folder, 0) as server, browser.chromium() as chromium:
        thread = threading.Thread(target=serving.serve, args=(server,))
        thread.start()
        try:
            shown = chromium.new_page()
            shown.goto(f"{server.address}LICENSE.txt")
            yield shown
        finally:
            server.shutdown()
            thread.join()


def called(page: Any, module: str, body: str, argument: Any) -> Any:
    """What a function of one of the page's modules gives: its names are in `m`."""
    return page.evaluate(
        f"async argument => {{ const m = await import('./{module}'); {body} }}", argument
    )


def test_the_protocol_has_the_numbers_of_python() -> None:
    text = (ROOT / "slide_mobile/web/page/measure.js").read_text()
    numbers = dict(re.findall(r"const (\w+) = (\d+);", text))
    assert int(numbers["WARM_UP_RUNS"]) == USUAL.warm_up
    assert int(numbers["MIN_RUNS"]) == USUAL.min_runs
    assert float(numbers["MIN_FP16_DB"]) == MIN_FP16_DB


@pytest.mark.parametrize(
    ("shape", "layout"),
    [((1, 5, 7, 3), "NHWC"), ((1, 3, 5, 7), "NCHW"), ((1, 9), None), ((1, 70, 4), None)],
)
def test_maps_are_read_as_python_writes_them(
    shape: tuple[int, ...], layout: Any, page: Any, tmp_path: Path
) -> None:
    stored = np.random.default_rng(0).normal(size=shape).astype("f4")
    whole = stored.transpose(0, 2, 3, 1) if layout == "NCHW" else stored
    image = np.zeros((2, 2, 3), np.uint8)
    item = golden.write(tmp_path, 0, image, {"map": whole}, None, task="own")
    assert item.maps is not None
    body = """const file = Uint8Array.from(argument.file);
        const image = m.recorded({logits: null}, file, [{name: 'map'}]).map;
        return [image.values, m.seen(argument.stored, image.places, argument)]"""
    file = list((tmp_path / item.maps).read_bytes())
    stored_list = stored.ravel().tolist()
    argument = {"file": file, "stored": stored_list, "shape": shape, "layout": layout}
    values, seen = called(page, "recorded.js", body, argument)
    assert values == seen and len(values) >= 9


def near(found: float | None, expected: float | None) -> bool:
    """Whether two computations agree, or both have no number."""
    if found is None or expected is None:
        return found is expected
    return math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-9)


def test_statistics_and_words_are_those_of_python(page: Any) -> None:
    cases = [
        case
        for case in json.loads((CONFORMANCE / "statistics.json").read_text())["summaries"]
        if {case["thermal_before"], case["thermal_after"]}.isdisjoint({"serious", "critical"})
    ]
    body = "return argument.map(s => ({...m.summary(s), why: m.whyInvalid(s)}))"
    found = called(page, "statistics.js", body, [case["samples_ms"] for case in cases])
    assert len(cases) > 5
    for case, one in zip(cases, found, strict=True):
        assert one.pop("why") == case["why_invalid"], case["name"]
        for name, value in one.items():
            assert near(value, case[name]), case["name"]


def test_parity_is_that_of_python(page: Any) -> None:
    cases = json.loads((CONFORMANCE / "verify.json").read_text())["cases"]
    body = """const number = x => typeof x === 'number' ? x : Number(
            {nan: 'NaN', inf: 'Infinity', '-inf': '-Infinity'}[x]);
        return argument.map(c => m.compare(
            c.reference.map(number), c.output.map(number), c.min_sqnr_db))"""
    found = called(page, "parity.js", body, cases)
    for case, one in zip(cases, found, strict=True):
        assert one["passed"] == case["passed"], case["name"]
        assert near(one["sqnr_db"], case["sqnr_db"]), case["name"]


def test_what_gives_the_cpus_outputs_at_its_speed_is_not_believed(page: Any) -> None:
    cases = json.loads((CONFORMANCE / "device.json").read_text())["fingerprints"]
    body = "return argument.map(c => m.whyUnbelievable(c, 'gpu'))"
    found = called(page, "statistics.js", body, cases)
    assert found == [case["why_invalid"] for case in cases]


@pytest.mark.parametrize(
    ("agent", "system", "name"),
    [
        (
            "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
            "Chrome/150.0.0.0 Mobile Safari/537.36",
            ("Android", "10"),
            "Chrome",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 "
            "(KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
            ("iOS", "18.5"),
            "Safari",
        ),
        (
            "Mozilla/5.0 (Android 16; Mobile; rv:150.0) Gecko/150.0 Firefox/150.0",
            ("Android", "16"),
            "Firefox",
        ),
        ("unheard of", ("unknown system", ""), "browser"),
    ],
)
def test_browsers_and_systems_are_told_apart(
    agent: str, system: tuple[str, str], name: str, page: Any
) -> None:
    body = "return [m.system(argument), m.browserOf(argument).name]"
    found, browser_name = called(page, "device.js", body, agent)
    assert (found["os"], found["version"], browser_name) == (*system, name)

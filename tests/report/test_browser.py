"""How a browser shows the page: at every width, in both colour schemes, on paper."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import browser
import pytest
from pages import contrast

pytestmark = pytest.mark.slow


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

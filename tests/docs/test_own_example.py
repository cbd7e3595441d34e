"""The example of the page on networks of one's own runs as it is printed."""

import re
from pathlib import Path

import pytest
from fake_converter import FakeConverter, install

import slide_mobile

PAGE = Path(__file__).parents[2] / "docs" / "bring-your-own-network.md"


def test_the_example_runs_and_prints_what_the_page_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(monkeypatch, FakeConverter())
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text(encoding="utf-8")
    code, *_ = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    exec(compile(code.replace('"tflite"', '"fake"'), str(PAGE), "exec"), {})
    printed = [line.split()[:-1] for line in capsys.readouterr().out.splitlines()]
    said = re.search(r"It prints .*?\n\n((?:    .*\n)+)", text)
    assert said is not None
    assert printed == [line.split()[:-1] for line in said[1].splitlines()]
    assert (tmp_path / "build/own/tiny-fake-fp32/manifest.json").is_file()


def test_what_the_page_calls_is_exported() -> None:
    called = set(re.findall(r"slide_mobile\.(\w+)", PAGE.read_text(encoding="utf-8")))
    assert called <= set(slide_mobile.__all__)

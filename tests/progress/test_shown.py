"""Progress that calls from Python show by themselves."""

import io
import sys
from typing import Any

import pytest

from slide_mobile.progress import Progress, automatic, silent
from slide_mobile.progress.shown import visible
from slide_mobile.progress.steps import NotebookSteps


@visible
def work(*, progress: Progress = automatic) -> Progress:
    """Report two stages, and return what they were reported to."""
    progress("load")
    progress("run", 0.5)
    return progress


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Yes."""
        return True


def test_a_terminal_shows_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    work()
    assert "2. run" in stream.getvalue() or "1. run" in stream.getvalue()


def test_a_log_and_a_silent_call_show_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for stream, given in ((io.StringIO(), {}), (Terminal(), {"progress": silent})):
        monkeypatch.setattr(sys, "stderr", stream)
        assert work(**given) is silent
        assert stream.getvalue() == ""


def test_a_progress_that_is_given_is_the_one() -> None:
    seen: list[str] = []

    def mine(stage: str, done: float | None = None) -> None:
        seen.append(stage)

    assert work(progress=mine) is mine and seen == ["load", "run"]


class Notebook:
    """What IPython's display gives back."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def display(self, data: dict[str, str], **options: Any) -> "Notebook":
        """Show a new line."""
        self.lines.append(data["text/plain"])
        return self

    def update(self, data: dict[str, str], **options: Any) -> None:
        """Replace it."""
        self.lines[-1] = data["text/plain"]


def test_a_notebook_has_one_line_that_ends_with_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = Notebook()
    monkeypatch.setitem(sys.modules, "IPython.display", notebook)
    steps = NotebookSteps()
    steps.report("load")
    steps.report("run", 0.25)
    assert notebook.lines == ["2. run  25%"]
    steps.close()
    assert notebook.lines[0].startswith("2 steps, ")

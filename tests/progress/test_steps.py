"""How commands show what they are at."""

import io
import re
import time

import pytest

from slide_mobile.cli.terminal import Terminal
from slide_mobile.progress import steps
from slide_mobile.progress.steps import LogSteps, TerminalSteps


def console(*, tty: bool) -> tuple[Terminal, io.StringIO]:
    """A console that writes into a string."""
    text = io.StringIO()
    return Terminal(file=text, force_terminal=tty, width=80, highlight=False), text


def test_a_log_has_a_numbered_line_for_each_step() -> None:
    err, text = console(tty=False)
    log = LogSteps(err, time.monotonic() - 12)
    for stage, done in (("load", None), ("run", 0.0), ("run", 0.5), ("write", None)):
        log.report(stage, done)
    log.close()
    lines = text.getvalue().splitlines()
    assert [re.sub(r"^\[ +12\.\d s\] ", "", line) for line in lines] == [
        "1. load", "2. run", "3. write",
    ]  # fmt: skip


def until(text: io.StringIO, wanted: str) -> None:
    """Wait for a line; fails after some seconds."""
    end = time.monotonic() + 20
    while wanted not in text.getvalue():
        assert time.monotonic() < end, text.getvalue()
        time.sleep(0.01)


def test_a_long_step_in_a_log_says_that_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "HEARTBEAT_SECONDS", 0.05)
    err, text = console(tty=False)
    log = LogSteps(err, time.monotonic())
    log.report("load", None)
    until(text, "1. load: goes on")
    log.report("run", 0.25)
    until(text, "2. run: 25%")
    log.close()
    before = text.getvalue()
    time.sleep(0.2)
    assert text.getvalue() == before


def test_a_terminal_keeps_done_steps_with_their_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "KEPT_SECONDS", 0.0)
    err, text = console(tty=True)
    shown = TerminalSteps(err)
    shown.report("load", None)
    shown.report("run [1/2]", 0.5)
    shown.close()
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text.getvalue())
    assert re.search(r"  1\. load  \d+\.\d s", plain)
    assert re.search(r"  2\. run \[1/2\]  \d+\.\d s", plain)


def test_short_steps_leave_no_line() -> None:
    err, text = console(tty=True)
    shown = TerminalSteps(err)
    for i in range(50):
        shown.report(f"read {i}.png", None)
    shown.close()
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text.getvalue())
    assert not re.search(r"png  \d", plain)

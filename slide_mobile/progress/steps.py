"""How a command shows what it is at: numbered steps, with their times.

On a terminal, a line moves while a step runs, and stays with the step's time when it is done. In a
log, each step is a line when it begins, and a long one says every half minute that it goes on. In a
notebook, one line is replaced.
"""

import importlib
import threading
import time
from typing import Any, Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

HEARTBEAT_SECONDS = 30.0
REDRAW_SECONDS = 0.1
KEPT_SECONDS = 0.5  # a step that took less leaves no line on a terminal


class Steps(Protocol):
    """What shows the steps of a command."""

    def report(self, stage: str, done: float | None = None) -> None:
        """A step begins, or goes on: the fraction `done` in 0..1, if it is known."""

    def close(self) -> None:
        """The last step has ended."""


class TerminalSteps:
    """A line that moves, and above it a line for each step that is done."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar: Progress | None = None
        self._stage, self._number, self._started = "", 1, 0.0

    def report(self, stage: str, done: float | None = None) -> None:
        """Move the line; rich redraws it ten times a second, whatever the step does."""
        if self._bar is None:
            self._bar = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=24),
                TaskProgressColumn(),
                TimeElapsedColumn(),
                console=self._console,
                transient=True,
            )
            self._bar.start()
        if stage != self._stage:
            self._finish()
            for task in self._bar.task_ids:
                self._bar.remove_task(task)
            self._bar.add_task(f"{self._number}. {stage}", total=None)
            self._stage, self._started = stage, time.monotonic()
        if done is not None:
            self._bar.update(self._bar.task_ids[-1], total=1.0, completed=done)

    def _finish(self) -> None:
        """Leave a line for the step that has ended, with its time."""
        seconds = time.monotonic() - self._started
        if self._stage and seconds >= KEPT_SECONDS:
            line = f"  {self._number}. {self._stage}  {seconds:.1f} s"
            self._console.print(line, markup=False, style="dim")
            self._number += 1
        self._stage = ""

    def close(self) -> None:
        """Take the moving line down."""
        if self._bar is not None:
            self._finish()
            self._bar.stop()
            self._bar = None


class NotebookSteps:
    """One line below the cell, replaced as the steps go on; it ends with the time of all."""

    def __init__(self) -> None:
        self._line: Any = None  # IPython's handle of what it displays
        self._stage, self._number = "", 0
        self._started = self._drawn = time.monotonic()

    def report(self, stage: str, done: float | None = None) -> None:
        """Replace the line, ten times a second at most while a step runs."""
        if stage != self._stage:
            self._stage, self._number = stage, self._number + 1
        elif time.monotonic() - self._drawn < REDRAW_SECONDS:
            return
        share = "" if done is None else f"  {done:.0%}"
        self._show(f"{self._number}. {stage}{share}")

    def close(self) -> None:
        """Leave the number of steps and the time that they took."""
        if self._line is not None:
            self._show(f"{self._number} steps, {time.monotonic() - self._started:.1f} s")
            self._line = None

    def _show(self, text: str) -> None:
        """Display the line, or replace it."""
        self._drawn = time.monotonic()
        data = {"text/plain": text}
        if self._line is None:
            # There is an IPython wherever there is a notebook.
            display = importlib.import_module("IPython.display").display
            self._line = display(data, raw=True, display_id=True)
        else:
            self._line.update(data, raw=True)


class LogSteps:
    """A line when a step begins, and one every half minute while it runs."""

    def __init__(self, console: Console, started: float) -> None:
        self._console, self._command_started = console, started
        self._stage, self._number, self._done = "", 0, 0.0
        self._closed = threading.Event()
        self._heart: threading.Thread | None = None
        self._printed = 0.0

    def report(self, stage: str, done: float | None = None) -> None:
        """Print a line for a new step."""
        self._done = done or 0.0
        if stage == self._stage:
            return
        self._stage, self._number = stage, self._number + 1
        self._print(f"{self._number}. {stage}")
        if self._heart is None:
            self._closed.clear()
            self._heart = threading.Thread(target=self._beat, daemon=True)
            self._heart.start()

    def _beat(self) -> None:
        """Say that a long step goes on, and how far it is."""
        while not self._closed.wait(self._printed + HEARTBEAT_SECONDS - time.monotonic()):
            if time.monotonic() - self._printed >= HEARTBEAT_SECONDS:
                share = f"{self._done:.0%}" if self._done else "goes on"
                self._print(f"{self._number}. {self._stage}: {share}")

    def _print(self, text: str) -> None:
        """Print a line with the time since the command began."""
        self._printed = time.monotonic()
        self._console.print(
            f"[{self._printed - self._command_started:6.1f} s] {text}", markup=False
        )

    def close(self) -> None:
        """End the heartbeat."""
        if self._heart is not None:
            self._closed.set()
            self._heart.join(timeout=1)
            self._heart, self._stage = None, ""

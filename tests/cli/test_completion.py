"""Completion in bash, zsh and fish, as docs/quick-start.md sets it up."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from calls import command

from slide_mobile import recipes
from slide_mobile.cli import main
from slide_mobile.targets import registry

SHELLS = ("bash", "zsh", "fish")
PAGE = Path(__file__).parent.parent.parent / "docs" / "quick-start.md"


def completed(shell: str, line: str) -> list[str]:
    """What is offered for the last word of a line."""
    words = line.split(" ")
    number = len(words) - 1
    environment = {
        **os.environ,
        "_SLIDE_MOBILE_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": words[-1] if shell == "fish" else line,
        "COMP_CWORD": words[-1] if shell == "fish" else str(number),
    }
    if shell == "fish":  # it gives the whole line, and the word by itself
        environment["COMP_WORDS"] = line
    done = subprocess.run(
        command(), env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    if shell == "zsh":  # kind, value and help, a line each
        return done.stdout.splitlines()[1::3]
    return [line.split(",", 1)[1].split("\t")[0] for line in done.stdout.splitlines()]


@pytest.mark.parametrize("shell", SHELLS)
def test_the_documented_line_defines_the_completion(shell: str) -> None:
    (found,) = re.findall(
        rf"(_SLIDE_MOBILE_COMPLETE)=({shell}_source) slide-mobile", PAGE.read_text()
    )
    variable, value = found
    done = subprocess.run(
        command(), env={**os.environ, variable: value}, capture_output=True, text=True, check=True
    )
    assert f"{shell}_complete" in done.stdout and "slide-mobile" in done.stdout


@pytest.mark.parametrize("shell", SHELLS)
def test_commands_are_completed(shell: str) -> None:
    wanted = {name for name, c in main.commands.items() if not c.hidden}
    assert set(completed(shell, "slide-mobile ")) == wanted
    assert completed(shell, "slide-mobile con") == ["convert"]


def test_options_and_what_they_take_are_completed() -> None:
    assert "--calibration" in completed("bash", "slide-mobile convert --cal")
    assert completed("bash", "slide-mobile convert --to ") == registry.names()
    found = completed("bash", "slide-mobile convert --precision int8")
    assert found == [name for name in recipes.RECIPES if name.startswith("int8")]


def test_models_are_completed() -> None:
    found = completed("bash", "slide-mobile convert slide_swin_t")
    assert found == ["slide_swin_tiny", "slide_swin_tiny_release"]

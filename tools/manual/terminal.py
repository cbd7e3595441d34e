"""Writes docs/images/terminal.svg: what the first commands of a newcomer print, from a real run.

python -m tools.manual.terminal
"""

import contextlib
import io
import os
import pty
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

PICTURE = Path(__file__).parents[2] / "docs/images/terminal.svg"
COLUMNS = 96
COMMANDS = ("convert --to onnx", "inspect artifacts/slide_swin_demo-onnx-fp32")
FONT_FACE = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)  # rich would load a font from a network


def main() -> None:
    """Run the commands in a folder of their own, and draw what they print."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for command in COMMANDS:
            console.print(f"[bold]$ slide-mobile {command}[/]", highlight=False)
            console.print(Text.from_ansi(printed(command)))
    picture = console.export_svg(title="slide-mobile", unique_id="terminal")
    PICTURE.write_text(FONT_FACE.sub("", picture), encoding="utf-8")


def printed(command: str) -> str:
    """What a command prints to a terminal, with its colors, without the progress."""
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "slide_mobile", *command.split(), "--quiet"]
    environment = os.environ | {"COLUMNS": str(COLUMNS), "TERM": "xterm-256color"}
    with os.fdopen(ours, "rb") as reader:
        with os.fdopen(theirs, "wb") as terminal:
            process = subprocess.Popen(words, stdout=terminal, env=environment)
        text = b""
        with contextlib.suppress(OSError):  # how Linux says that the terminal was closed
            while part := reader.read1():
                text += part
    if process.wait():
        raise SystemExit(f"slide-mobile {command} ended with {process.returncode}")
    return text.decode().replace("\r\n", "\n")


if __name__ == "__main__":
    main()

"""Call every command once, in a folder of one's own; for a test that traces what they do.

Runs as `python tests/cli/every_command.py`, and prints each call with its exit code.
"""

import contextlib
import io
import sys
from collections.abc import Iterator
from pathlib import Path

import click
from PIL import Image

from slide_mobile.cli import main

MODEL = "slide_swin_test"
RELEASE = f"""
out = "release"
jobs = 1
[[model]]
name = "{MODEL}"
untrained = true
[[target]]
to = "onnx"
precisions = ["fp32"]
"""
QUICK = ("--min-runs", "30", "--min-seconds", "0", "--max-seconds", "0", "--warm-up", "1")
ARTIFACT = f"out/{MODEL}-onnx-fp32"
# 3: a lab, or an environment, is not there, and was not asked for; 1: nobody has signed it.
CALLS: dict[str, tuple[tuple[str, ...], int]] = {
    "convert": ((MODEL, "--untrained", "--to", "onnx", "--out", "out"), 0),
    "check": ((ARTIFACT,), 0),
    "inspect": ((ARTIFACT,), 0),
    "predict": ((ARTIFACT, "photos"), 0),
    "sign": ((ARTIFACT, "--key", "key.pem"), 3),
    "verify": ((ARTIFACT, "--key", "key.pub"), 1),
    "bench": ((ARTIFACT, *QUICK), 0),
    "report": ((ARTIFACT, "--out", "r.html", "--no-modules"), 0),
    "web": ((ARTIFACT, "--out", "site"), 2),  # of another target
    "embed": ((ARTIFACT, "--app", "app"), 0),
    "release": (("release.toml",), 0),
    "models": ((), 0),
    "doctor": ((), 0),
    "lab run": ((ARTIFACT, "--lab", "gpu"), 3),
    "lab cost": ((ARTIFACT,), 3),
    "lab setup": (("nowhere",), 2),
}


def names(command: click.Command = main, before: str = "") -> Iterator[str]:
    """Every command's words."""
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from names(inner, f"{before} {name}".strip())
    else:
        yield before


def run() -> None:
    """Make the calls in this process, whose children they start as a user's would."""
    Path("app").mkdir()
    Path("photos").mkdir()
    Image.new("RGB", (96, 64)).save("photos/x.png")
    for name, kind in (("key.pem", "EC PRIVATE"), ("key.pub", "PUBLIC")):
        Path(name).write_text(f"-----BEGIN {kind} KEY-----\nAAAA\n-----END {kind} KEY-----\n")
    Path("release.toml").write_text(RELEASE)
    for name, (words, expected) in CALLS.items():
        printed, code = io.StringIO(), None
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            try:
                main([*name.split(), *words, "-q"])
            except SystemExit as end:
                code = end.code
        print(name, code, flush=True)
        if code != expected:
            sys.exit(f"{name} ended with {code}: {printed.getvalue()}")


if __name__ == "__main__":
    run()

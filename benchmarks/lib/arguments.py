"""Options that the scripts have in common."""

import argparse
from pathlib import Path

RESULTS = Path("benchmarks/results")


def parser(doc: str | None, *, out: str | Path, runs: int | None = None) -> argparse.ArgumentParser:
    """A parser described by the first line of a docstring, with `--out` and, if given, `--runs`."""
    found = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    found.add_argument(
        "--out", type=Path, default=RESULTS / out, help="JSON file to write (default: %(default)s)"
    )
    if runs is not None:
        found.add_argument(
            "--runs", type=int, default=runs, help="number of timed runs (default: %(default)s)"
        )
    return found


def add_files(to: argparse.ArgumentParser) -> None:
    """Add `--files`: a folder in which built model files are kept between runs."""
    to.add_argument("--files", type=Path, help="keep and reuse built files in this folder")

"""Cells: several at a time within the budget, kept after a crash, one line for a failure."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from files import BENCH, BOTH, HEAD, TFLITE, cell, written

from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.bench import documents, sessions
from slide_mobile.cli import main
from slide_mobile.release import cells, matrix
from slide_mobile.release.commands import artifact
from slide_mobile.release.plan import Cell, Plan
from slide_mobile.release.records import Record


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["release", "--quiet", *map(str, arguments)])


def fitting(waiting: tuple[Cell, ...], tmp_path: Path, peak: int | None = None) -> list[str]:
    """Which cells start first within 6 GB."""
    plan = Plan(out=tmp_path, memory_bytes=6e9, jobs=4, cells=waiting, bench=None)
    records = {c.name: Record(name=c.name, fingerprint="", peak_rss_bytes=peak) for c in waiting}
    return [found.name for found in cells._fitting(plan, waiting, [], records)]


def test_side_by_side_is_what_fits(tmp_path: Path) -> None:
    every = (cell("a", 3.0), cell("b", 9.0), cell("c", 2.0), cell("d", 2.0))
    assert fitting(every, tmp_path) == ["a", "c"]
    # What is larger than the budget has the machine for itself.
    assert fitting(every[1:], tmp_path) == ["b"]
    # A measured peak counts instead of the estimate.
    assert fitting(every, tmp_path, peak=10**9) == ["a", "b", "c", "d"]


@pytest.mark.slow
def test_killed_half_way_it_goes_on_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "SESSIONS", 2)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    file, out = written(tmp_path, HEAD + BOTH + BENCH), tmp_path / "build/release"
    first, second = "slide_swin_test-onnx-fp32", "slide_swin_test-onnx-fp16"
    command = [sys.executable, "-m", "slide_mobile", "release", str(file)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if f"convert {second}".encode() in line:
                break
        children = processes_of(str(out))
        process.send_signal(signal.SIGKILL)
    assert children
    time.sleep(0.5)
    assert not processes_of(str(out))  # they died with it
    before = times(artifact(out, first))
    done = run(file, "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert [(c["name"], c["state"]) for c in found["cells"]] == [
        (first, "kept"), (second, "passed"),
    ]  # fmt: skip
    assert times(artifact(out, first)) == before
    assert (out / "report.html").stat().st_size > 1000
    measured = documents.read(out / "bench.json")
    assert len(measured.results) == 2
    timed = []
    monkeypatch.setattr(matrix, "measure", lambda roots, **_: timed.append(roots) or measured)
    again = json.loads(run(file, "--json").stdout)
    assert [c["state"] for c in again["cells"]] == ["kept", "kept"]
    # While tests run beside it this machine may be too busy to be believed.
    assert (timed == []) == all(result.valid for result in measured.results)

    # One that nobody killed, with the same latencies, gives the same report.
    (tmp_path / "whole").mkdir()
    whole = run(written(tmp_path / "whole", HEAD + BOTH + BENCH), "--json")
    assert [c["state"] for c in json.loads(whole.stdout)["cells"]] == ["passed", "passed"]
    (report_of_it,) = (tmp_path / "whole").rglob("report.html")
    assert report_of_it.read_text() == (out / "report.html").read_text()

    # A damaged artifact is made again, and what cannot be made is listed.
    (artifact(out, second) / "labels.txt").write_text("other\n")
    bad = '[[target]]\nto = "executorch"\nprecisions = ["fp32"]\nbackend = "gpu"\n'
    file.write_text(HEAD + BOTH + bad)
    done = run(file)
    assert done.exit_code == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: slide_swin_test-executorch-fp32: no backend for executorch")
    states = [line.split()[:2] for line in done.stdout.splitlines()]
    assert ["kept", first] in states and ["passed", second] in states
    assert ["failed", "slide_swin_test-executorch-fp32"] in states
    ArtifactFolder.open(artifact(out, second)).verify()


@pytest.mark.parametrize(
    "taken", ["cells", "cells/slide_swin_test-tflite-fp32.convert.json"], ids=["folder", "file"]
)
def test_what_cannot_be_written_is_one_line(taken: str, tmp_path: Path) -> None:
    file, path = written(tmp_path, HEAD + TFLITE), tmp_path / "build/release" / taken
    path.parent.mkdir(parents=True)
    path.touch() if taken == "cells" else path.mkdir()
    done = run(file)
    assert done.exit_code == 2 and done.stdout == "", done.output
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: cannot ") and str(path) in line


def times(folder: Path) -> dict[str, int]:
    return {str(p): p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file()}


def processes_of(word: str) -> list[list[str]]:
    """Command lines of the release's child processes, which name its folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        ours = path.parent.name == str(os.getpid())
        if word in " ".join(words) and "release" not in words and not ours:
            found.append(words)
    return found

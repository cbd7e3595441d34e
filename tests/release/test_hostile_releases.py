"""A release file, and what lies in a release's folder, may be anything: one line, and at once."""

import os
import signal
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from calls_in_process import outcome
from hostile_files import KINDS, put

from slide_mobile.errors import SlideMobileError
from slide_mobile.release import cells
from slide_mobile.release import plan as plans

HEAD = '[[model]]\nname = "slide_swin_test"\nuntrained = true\n'
TARGET = '[[target]]\nto = "tflite"\nprecisions = ["fp32"]\n'
BIG = "9" * 400


@pytest.mark.parametrize("kind", KINDS)
def test_a_release_file_that_is_something_else(kind: str, tmp_path: Path) -> None:
    code, lines = outcome("release", put(kind, tmp_path / "release.toml"))
    assert code == 2 and len(lines) == 1


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "9" * 5_000,
        "a = " + "[" * 100_000,
        "a" + ".b" * 100_000 + " = 1",
        HEAD + f"num_classes = {BIG}\n" + TARGET,
        HEAD + f"calibration_samples = {BIG}\n" + TARGET,
        HEAD + f"input_size = {BIG}\n" + TARGET,
        HEAD + "input_size = -1\n" + TARGET,
        HEAD + 'labels = "a\\u0000b"\n' + TARGET,
        HEAD + 'checkpoint = "\\u0000"\n' + TARGET,
        HEAD + f'calibration = "{"x" * 300}"\n' + TARGET,
        'out = "a\\u0000"\n' + HEAD + TARGET,
        f'out = "{"x" * 5000}"\n' + HEAD + TARGET,
        f"jobs = {BIG}\n" + HEAD + TARGET,
        f"memory_gb = {BIG}\n" + HEAD + TARGET,
        "memory_gb = nan\n" + HEAD + TARGET,
        HEAD + TARGET + f"[bench]\nthreads = {BIG}",
        HEAD + TARGET + "[bench]\nthreads = 100000",
        HEAD + TARGET + f"[bench]\nmin_runs = {BIG}",
        HEAD + TARGET + f"[bench]\nmin_seconds = {BIG}",
        HEAD + TARGET + "[bench]\nmax_seconds = inf",
        HEAD + TARGET + f"[bench]\nfail_over = {BIG}",
        HEAD + TARGET + '[bench]\nbaseline = "."',
        HEAD + TARGET + "[report]\nformats = [" + '"html",' * 2000 + "]",
        HEAD + '[[target]]\nto = "tflite"\nprecisions = [' + '"fp32",' * 100_000 + "]",
        HEAD + TARGET + "labs = [" + '"gpu",' * 2000 + "]",
        HEAD * 1_100 + TARGET,
        HEAD + 'mean = "\\u001b[2J"\n' + TARGET,
        "x" * (1 << 21),
        "\ufeff" + HEAD,
    ],
    ids=range(29),
)
def test_a_hostile_release_file_is_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "release.toml").write_text(text)
    code, lines = outcome("release", tmp_path / "release.toml")
    assert code == 2 and len(lines) == 1 and len(lines[0]) <= 310, lines
    assert [p.name for p in tmp_path.iterdir()] == ["release.toml"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_that_is_something_else_is_made_anew(kind: str, tmp_path: Path) -> None:
    (tmp_path / "release.toml").write_text('out = "out"\n' + HEAD + TARGET)
    plan = plans.read(tmp_path / "release.toml")
    (tmp_path / "out/cells").mkdir(parents=True)
    name = plan.cells[0].name
    for ending in (".json", ".convert.json", ".convert.log"):
        put(kind, tmp_path / f"out/cells/{name}{ending}")
    record = cells.known(plan.out, plan.cells[0], force=False)
    assert record.done == ()
    if kind == "folder":
        with pytest.raises(SlideMobileError):
            cells._emptied(tmp_path / f"out/cells/{name}.convert.log")
        return
    with cells._emptied(tmp_path / f"out/cells/{name}.convert.log") as log:
        log.write(b"1")
    assert (tmp_path / f"out/cells/{name}.convert.log").read_bytes() == b"1"


@pytest.mark.parametrize("deaf", [False, True], ids=["cleans up", "has to be killed"])
def test_a_step_that_is_ended_leaves_nothing(
    deaf: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The release is interrupted while a step builds its artifact."""
    (tmp_path / "release.toml").write_text('out = "out"\n' + HEAD + TARGET)
    plan = plans.read(tmp_path / "release.toml")
    monkeypatch.setattr(cells, "_PATIENCE_SECONDS", 1)
    code = (
        "import signal, sys, time\nfrom pathlib import Path\n"
        "from slide_mobile.artifact import atomic\n"
        "def end(*_): raise KeyboardInterrupt\n"
        f"signal.signal(signal.SIGTERM, signal.SIG_IGN if {deaf} else end)\n"
        f"with atomic.staging(Path({str(tmp_path / 'out/artifacts' / plan.cells[0].name)!r}),"
        " force=True) as partial:\n    (partial / 'half').write_text('1'); time.sleep(60)\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    monkeypatch.setattr(
        cells.subprocesses, "python", lambda *_: ([sys.executable, "-c", code], environment)
    )

    def interrupt(_: float) -> None:
        if list(tmp_path.glob("out/artifacts/.*/half")):
            raise KeyboardInterrupt

    clock = SimpleNamespace(sleep=interrupt, monotonic=time.monotonic)
    monkeypatch.setattr(cells, "time", clock)
    with pytest.raises(KeyboardInterrupt):
        cells.run(plan, force=False, progress=lambda *_: None)
    assert not list(tmp_path.glob("out/artifacts/*"))


def test_a_step_that_crashes_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "release.toml").write_text('out = "out"\n' + HEAD + TARGET)
    plan = plans.read(tmp_path / "release.toml")
    stale = tmp_path / f"out/artifacts/.{plan.cells[0].name}.partial-{'0' * 32}"
    stale.mkdir(parents=True)
    crash = [sys.executable, "-c", f"import os; os.kill(os.getpid(), {int(signal.SIGSEGV)})"]
    monkeypatch.setattr(cells.subprocesses, "python", lambda *_: (crash, dict(os.environ)))
    (outcome,) = cells.run(plan, force=False, progress=lambda *_: None)
    assert outcome.state == "failed" and not stale.exists()

"""A worker's process: what it wrote is read, and however it ends there is one line that says so."""

import io
import os
import pickle
import random
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from slide_mobile.lab import process
from slide_mobile.lab.process import Ran, Worker, WorkerFailed

INPUTS = np.arange(24, dtype=np.float32).reshape(4, 6)
READ = """
import json, os, signal, sys, time
import numpy as np
model, given, made, *options = sys.argv[1:]
inputs = np.load(given)
"""
WRITE = "np.savez(made, logits=inputs)\n"
SAY = "print(json.dumps({'release': '1.0'}))\n"


def worker(
    folder: Path, body: str, *options: str, seconds: float = 60.0, **environment: str
) -> Worker:
    """A worker that reads its inputs, and then does what `body` says."""
    script = folder / "worker.py"
    script.write_text(READ + body)
    return Worker(
        command=(sys.executable, str(script)),
        options=options,
        environment=environment,
        seconds=seconds,
    )


def run(folder: Path, body: str, seconds: float = 60.0) -> Ran:
    return worker(folder, body, seconds=seconds).run(folder / "model", INPUTS)


def last_words(folder: Path, body: str, seconds: float = 60.0) -> str:
    """What is reported of a worker that fails."""
    with pytest.raises(WorkerFailed) as caught:
        run(folder, body, seconds)
    line = str(caught.value)
    assert "\n" not in line and len(line) <= process.MOST_CHARACTERS
    return line


def test_outputs_and_the_last_line_are_read(tmp_path: Path) -> None:
    body = (
        "print('a driver talks')\n"
        "np.savez(made, logits=2 * inputs, stage1=inputs[:, :1])\n"
        "print(json.dumps({'release': '2.14.0', 'device': 'a GPU', 'refused': ['ADD', 'MUL']}))\n"
    )
    ran = run(tmp_path, body)
    assert ran.outputs.keys() == {"logits", "stage1"}
    np.testing.assert_array_equal(ran.outputs["logits"], 2 * INPUTS)
    np.testing.assert_array_equal(ran.outputs["stage1"], INPUTS[:, :1])
    assert (ran.said.release, ran.said.device) == ("2.14.0", "a GPU")
    assert ran.said.refused == ("ADD", "MUL")


def test_the_worker_gets_the_file_its_options_and_its_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = WRITE + (
        "said = [model, open(model).read(), *options, os.environ['DRIVER'], os.environ['OURS']]\n"
        "print(json.dumps({'release': '1', 'refused': said, 'device': os.getcwd()}))\n"
    )
    (tmp_path / "model").write_text("a graph")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OURS", "kept")
    said = worker(tmp_path, body, "fp16", DRIVER="lavapipe").run(Path("model"), INPUTS).said
    assert said.refused == (str(tmp_path / "model"), "a graph", "fp16", "lavapipe", "kept")
    # It works in a folder of its own, which is gone.
    assert said.device != str(tmp_path) and not Path(said.device).exists()


def test_an_error_is_its_last_line_without_the_traceback(tmp_path: Path) -> None:
    assert last_words(tmp_path, "raise ValueError('no kernel for ADD')") == (
        "ValueError: no kernel for ADD"
    )


def test_an_error_that_is_followed_by_chatter_is_found(tmp_path: Path) -> None:
    body = (
        "sys.stderr.write('RuntimeError: out of memory\\nat fault: node 7\\n')\n"
        "raise SystemExit(1)\n"
    )
    assert last_words(tmp_path, body) == "RuntimeError: out of memory"


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGKILL"])
def test_a_crash_is_named_by_its_signal(name: str, tmp_path: Path) -> None:
    body = f"os.kill(os.getpid(), signal.{name})"
    assert last_words(tmp_path, body) == f"{name}: it printed nothing"
    said = "sys.stderr.write('F driver.cc:7] Check failed\\n')\nsys.stderr.flush()\n"
    assert last_words(tmp_path, said + body) == f"{name}: F driver.cc:7] Check failed"


def test_outputs_before_a_crash_do_not_count(tmp_path: Path) -> None:
    body = WRITE + SAY + "sys.stdout.flush()\nos.kill(os.getpid(), signal.SIGSEGV)"
    assert last_words(tmp_path, body).startswith("SIGSEGV")


def test_what_hangs_is_ended(tmp_path: Path) -> None:
    body = "open(os.path.join(os.path.dirname(model), 'pid'), 'w').write(str(os.getpid()))\n"
    line = last_words(tmp_path, body + "time.sleep(600)", seconds=3.0)
    assert line == "it did not end within 3 s"
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_program_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    missing = Worker(command=(str(tmp_path / "qemu"),), seconds=60.0)
    with pytest.raises(WorkerFailed, match=r"^it cannot start: No such file or directory$"):
        missing.run(tmp_path / "model", INPUTS)


def test_an_end_without_outputs_is_a_failure(tmp_path: Path) -> None:
    assert last_words(tmp_path, SAY) == "it printed nothing"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("pass", "it is not JSON"),
        ("print(2)", "expected `object`"),
        ("print('{')", "it is not JSON"),
        ("print('{}')", "missing required field `release`"),
        ("print(json.dumps({'release': 2}))", "release: expected `str`"),
        (SAY + "print('done')", "it is not JSON"),
    ],
)
def test_a_last_line_that_is_not_the_contract_s_is_refused(
    body: str, message: str, tmp_path: Path
) -> None:
    line = last_words(tmp_path, WRITE + body)
    assert line.startswith("its last line cannot be read: ") and message in line


class Gadget:
    """Leaves a mark where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.mark),)


def test_a_pickle_in_the_outputs_is_refused_and_not_executed(tmp_path: Path) -> None:
    file, mark = tmp_path / "hostile.npz", tmp_path / "executed"
    np.savez(file, logits=np.array([Gadget(mark)], dtype=object))
    with np.load(file, allow_pickle=True) as careless:
        careless["logits"]
    mark.rmdir()  # so it was executed there
    line = last_words(tmp_path, f"import shutil; shutil.copy({str(file)!r}, made)\n" + SAY)
    assert line.startswith("its outputs cannot be read: Object arrays cannot be loaded")
    assert not mark.exists()


def saved(**arrays: np.ndarray) -> bytes:
    """An archive of arrays."""
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def no_archives() -> dict[str, bytes]:
    """What a file may be instead of an archive of arrays."""
    array, huge = io.BytesIO(), io.BytesIO()
    np.save(array, INPUTS)
    with zipfile.ZipFile(huge, "w") as file:
        head = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000, 1000000), }"
        file.writestr("logits.npy", b"\x93NUMPY\x01\x00" + bytes([len(head), 0]) + head)
    return {
        "empty": b"",
        "text": b"logits\n",
        "cut": saved(logits=INPUTS)[:200],
        "an array": array.getvalue(),
        "a pickle": pickle.dumps([1.0]),
        "huge": huge.getvalue(),
    }


NO_ARCHIVES = no_archives()


@pytest.mark.parametrize("content", NO_ARCHIVES.values(), ids=NO_ARCHIVES)
def test_outputs_that_are_no_archive_are_refused(content: bytes, tmp_path: Path) -> None:
    body = f"open(made, 'wb').write({content!r})\n" + SAY
    assert last_words(tmp_path, body).startswith("its outputs cannot be read: ")


def test_however_an_archive_is_damaged_reading_it_ends_in_outputs_or_one_line(
    tmp_path: Path,
) -> None:
    path, draw, refused = tmp_path / "made.npz", random.Random(0), 0
    good = saved(logits=INPUTS)
    for _ in range(500):
        content = bytearray(good)
        for _ in range(draw.randint(1, 4)):
            content[draw.randrange(len(content))] = draw.randrange(256)
        path.write_bytes(content)
        try:
            process._outputs(path)
        except WorkerFailed as error:
            refused += 1
            assert len(str(error)) <= process.MOST_CHARACTERS
    assert refused > 100


def test_a_worker_cannot_fill_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_MOST_FILE_BYTES", 100_000)
    assert run(tmp_path, WRITE + SAY).outputs
    body = "np.savez(made, logits=np.zeros(100_000))\n" + SAY
    assert "File too large" in last_words(tmp_path, body)

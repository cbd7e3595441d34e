"""Run cases side by side, and count what came of them by kind."""

import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

import interruptions
from box import Box, changes
from case import Case, Ended, slowdown
from judging import problems
from server import Call

ROOT = Path(__file__).parents[2]
PATHS = [ROOT, ROOT / "converters", ROOT / "tests", Path(__file__).parent]


@dataclass
class Tally:
    """What came of the cases of a kind."""

    cases: int = 0
    accepted: int = 0
    refused: int = 0
    ended: int = 0
    cpu_seconds: float = 0.0
    worst_seconds: float = 0.0
    peak_bytes: int = 0
    failures: list[str] = field(default_factory=list)

    def add(self, ended: Ended) -> None:
        self.cases += 1
        self.accepted += ended.status == 0
        self.refused += ended.status in (1, 2, 3)
        self.ended += ended.status not in (0, 1, 2, 3)
        self.cpu_seconds += ended.cpu_seconds
        self.worst_seconds = max(self.worst_seconds, ended.seconds)
        self.peak_bytes = max(self.peak_bytes, ended.peak_bytes)


class Runner:
    """Workers that run cases, each in a folder of its own below `folder`."""

    def __init__(self, folder: Path, *, workers: int) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        pairs = [socket.socketpair() for _ in range(workers)]
        theirs = [pair[1].fileno() for pair in pairs]
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(map(str, PATHS)), "OMP_NUM_THREADS": "1",
            "ORT_DISABLE_TELEMETRY": "1",
        }  # fmt: skip
        os.environ.update({name: environment[name] for name in ("PYTHONPATH", "OMP_NUM_THREADS")})
        server = [sys.executable, "-P", Path(__file__).with_name("server.py"), *map(str, theirs)]
        self._server = subprocess.Popen(server, pass_fds=theirs, env=environment, cwd=folder)
        for _, other in pairs:
            other.close()
        self.connections = [Connection(pair[0].detach()) for pair in pairs]
        for connection in self.connections:
            assert connection.recv() == "ready"
        self._numbers = iter(range(1 << 30))

    def close(self) -> None:
        """End the workers."""
        for connection in self.connections:
            connection.close()
        self._server.wait()

    def run_all(
        self,
        cases: Sequence[Case],
        *,
        said: Callable[[str], None],
        plain: Case,
        each: Callable[[str], None] = lambda line: None,
    ) -> dict[str, Tally]:
        """Run cases, a thread for each worker; `said` is told of each failure, `each` of all.

        Their memory is compared with that of `plain`.
        """
        first, wrong, _ = self.run(plain, self.connections[0], plain_bytes=1 << 30)
        assert first.status == 0, wrong
        waiting: queue.SimpleQueue[tuple[int, Case]] = queue.SimpleQueue()
        for numbered in enumerate(cases):
            waiting.put(numbered)
        tallies = {case.kind: Tally() for case in cases}
        lock = threading.Lock()

        def work(connection: Connection) -> None:
            while True:
                try:
                    number, case = waiting.get_nowait()
                except queue.Empty:
                    return
                ended, wrong, last = self.run(case, connection, plain_bytes=first.peak_bytes)
                with lock:
                    each(f"{number:5} {ended.status:4} {ended.seconds:5.1f} s  {case}\n    {last}")
                    tallies[case.kind].add(ended)
                    if wrong:
                        line = f"case {number}, {case}\n    " + "\n    ".join(wrong)
                        tallies[case.kind].failures.append(line)
                        said(line)

        threads = [threading.Thread(target=work, args=(c,)) for c in self.connections]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return tallies

    def run(
        self, case: Case, connection: Connection, *, plain_bytes: int
    ) -> tuple[Ended, list[str], str]:
        """Run one case; how it ended, what is wrong with that, and its last line."""
        box = Box(self.folder / str(next(self._numbers)))
        for prepare in case.prepare:
            prepare(box.work)
        ended, wrong, last = self._run_in(box, case, connection, plain_bytes)
        if case.ending is not None:
            wrong += self._ended_early(box, case, ended, connection, plain_bytes)
        if wrong:
            wrong.append(f"in {box.root}; it said: {last}")
        else:
            box.remove()
        return ended, wrong, last

    def _ended_early(
        self, box: Box, case: Case, ended: Ended, connection: Connection, plain_bytes: int
    ) -> list[str]:
        """What a signal has left, and whether the same call works then, and leaves nothing."""
        killed = ended.status == -signal.SIGKILL
        wrong = list(interruptions.leavings(case, box.work, killed=killed))
        again = interruptions.again(case)
        after, more, last = self._run_in(box, again, connection, plain_bytes)
        # What a killed command left in tmp/ goes with the next one.
        wrong += [line for line in more if not line.startswith("removed tmp/")]
        if after.status != 0:
            wrong.append(f"the same call ends with {after.status} then: {last}")
        wrong += interruptions.leavings(case, box.work, killed=False)
        return wrong + [f"{path.name} is left in tmp/" for path in box.tmp.iterdir()]

    def _run_in(
        self, box: Box, case: Case, connection: Connection, plain_bytes: int
    ) -> tuple[Ended, list[str], str]:
        """Run one case in a box that is ready."""
        before = box.seen()
        out, err = box.root.with_suffix(".out"), box.root.with_suffix(".err")
        environment = box.environment(case.environment)
        if case.real:
            ended = _real(case, box, environment, out, err)
        else:
            connection.send(
                Call(
                    words=case.words, work=box.work, environment=environment, out=out, err=err,
                    most_seconds=case.most_seconds, ending=case.ending,
                )
            )  # fmt: skip
            ended = connection.recv()
        printed, said = _content(out), _content(err)
        changed = changes(before, box.seen())
        wrong = list(problems(case, ended, printed, said, changed, plain_bytes))
        if not wrong:
            out.unlink(missing_ok=True)
            err.unlink(missing_ok=True)
        return ended, wrong, (said or printed).decode(errors="replace").strip()[-400:]


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def _real(case: Case, box: Box, environment: dict[str, str], out: Path, err: Path) -> Ended:
    """Start a new Python, as a user does."""
    import resource

    def limited() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # which a background job ignores
        for limit, most in case.limits.items():
            resource.setrlimit(limit, (most, most))

    # bash reads its redirections from the text, and the words as arguments.
    python = [sys.executable, "-m", "slide_mobile", *case.words]
    command = ["bash", "-c", f'"$@" {case.streams}', "bash", *python] if case.streams else python
    began = time.monotonic()
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = subprocess.Popen(
            command, cwd=box.work, env=environment, stdout=stdout, stderr=stderr,
            stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=limited,
        )  # fmt: skip
        hung, sent, status, used = False, False, None, None
        while status is None:
            done, found, used = os.wait4(process.pid, os.WNOHANG)
            if done:
                status = os.waitstatus_to_exitcode(found)
            elif time.monotonic() - began > case.most_seconds * slowdown() and not hung:
                hung = True
                os.killpg(process.pid, signal.SIGKILL)
            elif case.ending and not sent and time.monotonic() - began > case.ending[1]:
                sent = True
                process.send_signal(case.ending[0])
            else:
                time.sleep(0.01)
        process.returncode = status
    assert used is not None
    return Ended(
        status=status, seconds=time.monotonic() - began,
        cpu_seconds=used.ru_utime + used.ru_stime, peak_bytes=used.ru_maxrss * 1024, hung=hung,
        left=0,
    )  # fmt: skip


HEAD = (
    "kind", "cases", "refused", "accepted", "ended", "CPU s", "worst s", "peak MB", "failures",
)  # fmt: skip


def summary(tallies: dict[str, Tally]) -> str:
    """A line for each kind, and one for all."""
    rows = [HEAD] + [
        (kind, str(t.cases), str(t.refused), str(t.accepted), str(t.ended),
         f"{t.cpu_seconds:.0f}", f"{t.worst_seconds:.1f}", f"{t.peak_bytes >> 20}",
         str(len(t.failures)))
        for kind, t in [*tallies.items(), ("all", _sum(tallies))]
    ]  # fmt: skip
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD))]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    )


def _sum(tallies: dict[str, Tally]) -> Tally:
    total = Tally()
    for t in tallies.values():
        total.cases, total.refused = total.cases + t.cases, total.refused + t.refused
        total.accepted, total.ended = total.accepted + t.accepted, total.ended + t.ended
        total.cpu_seconds += t.cpu_seconds
        total.worst_seconds = max(total.worst_seconds, t.worst_seconds)
        total.peak_bytes = max(total.peak_bytes, t.peak_bytes)
        total.failures += t.failures
    return total


def empty(folder: Path) -> Path:
    """The folder, without what an earlier run left."""
    shutil.rmtree(folder, ignore_errors=True)
    return folder

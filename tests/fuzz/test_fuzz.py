"""150 cases of the fuzz suite, and what it notices; `make fuzz` runs thousands."""

import dataclasses
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import suite
from box import Box, changes
from case import Case, Ended, write
from converted_once import ConvertedOnce
from corpus import Corpus, corpus
from judging import problems
from running import Runner

CASES, SEED = 150, 0
GOOD = Ended(status=0, seconds=1, cpu_seconds=1, peak_bytes=1 << 29, hung=False, left=0)
LINE = b"error: a is not an artifact folder\n"


@pytest.fixture(scope="module")
def made(converted: ConvertedOnce) -> Corpus:
    return corpus(converted)


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    found = Runner(tmp_path_factory.mktemp("boxes"), workers=1)
    yield found
    found.close()


@pytest.mark.slow
def test_no_hostile_case_breaks_a_promise(made: Corpus, runner: Runner) -> None:
    cases = suite.generated(made, cases=CASES, first_seed=SEED, quick=True)
    assert len(cases) >= CASES and len({case.kind for case in cases}) >= 15
    failures: list[str] = []
    tallies = runner.run_all(cases, plain=suite.plain(made), said=failures.append)
    assert failures == [], "\n".join(failures)
    assert sum(tally.refused for tally in tallies.values()) > CASES // 2
    assert sum(tally.accepted for tally in tallies.values()) > CASES // 20


@pytest.mark.slow
def test_a_seed_gives_the_same_cases_again(made: Corpus) -> None:
    first, again, other = (
        [str(case) for case in suite.generated(made, cases=20, first_seed=seed)]
        for seed in (1, 1, 2)
    )
    assert first == again != other


def found(
    out: bytes = b"", err: bytes = b"", *, words: str = "inspect a", **changed: object
) -> str:
    ended = dataclasses.replace(GOOD, **changed)
    case = Case(kind="k", words=tuple(words.split()))
    return "; ".join(problems(case, ended, out, err, [], 1 << 29))


def test_a_result_and_a_line_of_error_are_fine() -> None:
    assert found(out=b"all is well\n") == found(err=LINE, status=2) == ""
    assert found(b"{}", LINE, words="inspect a --json", status=1) == ""


@pytest.mark.parametrize(
    ("out", "err", "changed", "problem"),
    [
        (b"", LINE, {"status": 70}, "exit status is 70"),
        (b"", b"", {"status": -11}, "exit status is -11"),
        (b"", LINE, {"status": 0, "hung": True}, "it hung"),
        (b"", LINE, {"status": 2, "left": 1}, "1 processes are left"),
        (b"", LINE, {"status": 2, "peak_bytes": 3 << 30}, "its peak is 3072 MB"),
        (b"", b"", {"status": 2}, "without a line of error"),
        (b"", LINE, {}, "exit code 0 with an error"),
        (b"", LINE + b"more\n", {"status": 2}, "a line that is no error: 'more'"),
        (b"", b"error: " + b"x" * 400, {"status": 2}, "a line of 407 characters"),
        (b"", b"error: \x1b[31mred", {"status": 2}, "the control character '\\x1b'"),
        (b"\x9b".decode("latin-1").encode(), b"", {}, "the control character '\\x9b'"),
        (b"", b"error: x\nTraceback (most recent call last):\n", {"status": 2}, "a traceback"),
        (b"", b"error: internal error (x)\n", {"status": 2}, "an internal error"),
        (b"no", LINE, {"status": 2, "words": "inspect a --json"}, "no JSON"),
    ],
)
def test_what_is_wrong_is_noticed(
    out: bytes, err: bytes, changed: dict[str, object], problem: str
) -> None:
    assert problem in found(out, err, **changed)


def test_a_death_by_a_signal_is_a_problem_unless_it_was_sent() -> None:
    sent = Case(kind="k", words=("models",), ending=(signal.SIGKILL, 0.0))
    ended = dataclasses.replace(GOOD, status=-9)
    assert list(problems(sent, ended, b"", b"", [], 1 << 29)) == []
    assert list(problems(Case(kind="k", words=("models",)), ended, b"", b"", [], 1 << 29)) != []


def test_a_box_sees_every_change_outside_of_what_is_ours(tmp_path: Path) -> None:
    box = Box(tmp_path / "0")
    write("a", b"1")(box.work)
    write("gone", b"1")(box.work)
    before = box.seen()
    for ours in ("work/out/x", "work/artifacts/x", "home/.cache/slide-mobile/x"):
        write(ours, b"1")(box.root)
    assert changes(before, box.seen()) == []
    write("a", b"2")(box.work)
    write("tmp/x", b"1")(box.root)
    write("home/x", b"1")(box.root)
    (box.work / "gone").unlink()
    (box.root / "outside" / "link").symlink_to("/etc")
    assert changes(before, box.seen()) == [
        "made home/x", "made outside/link", "made tmp/x", "removed work/gone", "changed work/a",
    ]  # fmt: skip

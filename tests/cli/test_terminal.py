"""Nothing that a file, a device or a call names so steers the terminal, in any output."""

import io
import json
import re
from pathlib import Path

import pytest
from artifact_folders import folder, rewrite
from calls import run
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.table import Table

from slide_mobile.cli.session import Session
from slide_mobile.cli.terminal import Terminal, printable, printable_json
from slide_mobile.errors import SlideMobileError

SEEDED = settings(derandomize=True, deadline=None, max_examples=60)
STEERING = "\x1b[2J\x1b]0;owned\x07\x9b31m\x90\x9c\r\x08\x7f\u202e"
HOSTILE = st.text(
    st.sampled_from("\x00\x07\x08\x0b\r\x1b\x7f\x80\x9b\x9d\x85\u202e\u2066ab[]/:\n "), min_size=1
)


def unsafe(text: str) -> str:
    """What a text has besides printable characters, line ends, and the colours that rich sets."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    return "".join(c for c in plain if not c.isprintable() and c != "\n")


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


def session(*, as_json: bool = False, tty: bool = True) -> tuple[Session, io.StringIO, io.StringIO]:
    out, err = (Tty(), Tty()) if tty else (io.StringIO(), io.StringIO())
    return Session(as_json=as_json, quiet=False, out=out, err=err), out, err


@SEEDED
@given(text=HOSTILE, tty=st.booleans())
def test_no_output_of_a_session_steers(text: str, tty: bool) -> None:
    it, out, err = session(tty=tty)
    it.progress(text, 0.5)
    it.warn(text)
    it.fail(text, 2)

    def show(console: Terminal) -> None:
        table = Table(text.replace("[", "("), title=text.replace("[", "("))
        table.add_row(text.replace("[", "("))
        console.print(table)
        console.print(text, markup=False)

    it.emit({}, show)
    it.close()
    # A progress bar moves the cursor itself: up, to the left, and by erasing a line.
    rest = re.sub(r"\x1b\[(\?25[lh]|[0-9]*[AK])|\r", "", err.getvalue()) if tty else err.getvalue()
    assert unsafe(rest) == "" and unsafe(out.getvalue()) == ""


@SEEDED
@given(text=HOSTILE)
def test_json_is_printable_and_means_the_same(text: str) -> None:
    it, out, _ = session(as_json=True)
    it.emit({"a": text, text: [text]}, lambda _: None)
    assert unsafe(out.getvalue()) == ""
    assert json.loads(out.getvalue()) == {"a": text, text: [text]}


@SEEDED
@given(text=st.text())
def test_what_is_printable_is_unchanged(text: str) -> None:
    assert printable(text).isprintable()
    assert text.isprintable() <= (printable(text) == text)
    assert printable_json(text).replace("\n", "").isprintable()


def test_markup_and_emoji_in_a_name_are_no_markup() -> None:
    it, _, err = session(tty=False)
    it.progress("[bold]:smile:[/]")
    it.warn("[red]:smile:[/nonsense]")
    assert "[bold]:smile:[/]" in err.getvalue()
    assert "error: [red]:smile:[/nonsense]" in err.getvalue()


STRINGS = {
    "model": {"name": STEERING, "family": STEERING},
    "backend": STEERING,
    "via": STEERING,
    "float_modules": [STEERING],
    "notes": [STEERING, "[/]"],
    "created": STEERING,
    "toolchain": {STEERING: STEERING},
    "graph": {"ops": {STEERING: 1}, "findings": [STEERING], "min_runtime": STEERING},
    "parity": {"images": STEERING, "runtime": STEERING + "[/]"},
    "calibration": {"source": STEERING},
}


@pytest.mark.parametrize("flag", [[], ["--json"], ["-q"]])
@pytest.mark.parametrize("words", [["check"], ["inspect"], ["embed", "--app", "app"], ["lab"]])
def test_a_hostile_manifest_steers_no_command(
    words: list[str], flag: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app").mkdir()
    root = folder(tmp_path / f"a{chr(0x1B)}[31m").root
    rewrite(root, **STRINGS)
    done = run(words[0], root, *words[1:], *flag)
    assert unsafe(done.stdout) == "" and unsafe(done.stderr) == ""
    assert done.exit_code in {0, 1, 2, 3}, done.output


@pytest.mark.parametrize(
    "words",
    [
        [STEERING],
        ["convert", STEERING, "--to", "tflite"],
        ["convert", "--to", STEERING],
        ["convert", "--to", "tflite", "--precision", STEERING],
        ["convert", "--to", "tflite", "--input-size", STEERING],
        ["convert", "--to", "tflite", "--mean", STEERING],
        ["convert", "--to", "tflite", "--num-classes", STEERING],
        ["convert", "--to", "tflite", f"--{STEERING}"],
        ["convert", "--to", "tflite", "--lab", STEERING],
        ["check", STEERING],
        ["bench", STEERING, "--fail-over", STEERING],
        ["bench", STEERING, "--import", STEERING],
        ["embed", STEERING, "--app", STEERING],
        ["report", STEERING, "--out", STEERING],
        ["release", STEERING],
        ["doctor", "--install", STEERING],
        ["lab", "setup", STEERING],
        ["lab", "cost", STEERING, "--core", STEERING],
    ],
    ids=lambda words: "-".join(word for word in words if word.isprintable()),
)
@pytest.mark.parametrize("flag", [[], ["--json"]])
def test_hostile_arguments_steer_nothing(
    words: list[str], flag: list[str], capsys: pytest.CaptureFixture[str], monkeypatch
) -> None:
    from slide_mobile.__main__ import _code

    monkeypatch.setattr("sys.argv", ["slide-mobile", *words, *flag])
    monkeypatch.setenv("TERM", "xterm")
    assert _code() in {1, 2, 3}
    out, err = capsys.readouterr()
    assert unsafe(out) == "" and unsafe(err) == ""
    errors = [line for line in err.splitlines() if not line.startswith("[ ")]  # no progress
    assert errors and all(line.startswith("error: ") and len(line) <= 310 for line in errors)


def test_a_traceback_of_debug_steers_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from slide_mobile.__main__ import _code

    def fail() -> None:
        raise SlideMobileError(STEERING)

    monkeypatch.setattr("slide_mobile.models.catalogue.list_models", fail)
    monkeypatch.setattr("sys.argv", ["slide-mobile", "models", "--debug"])
    assert _code() == 70
    err = capsys.readouterr().err
    assert "Traceback" in err and unsafe(err) == ""


@pytest.mark.parametrize("flag", [[], ["--json"]])
def test_a_line_of_megabytes_is_shortened(flag: list[str], tmp_path: Path) -> None:
    root = folder(tmp_path / "a").root
    rewrite(root, parity={"runtime": "x" * 100_000}, graph={"ops": {"y" * 4000: 1, "z" * 4000: 1}})
    lines = run("inspect", root, "-q", *flag).output.splitlines()
    assert max(map(len, lines)) <= (6_000 if not flag else 200_000)
    name = "n" * 3_900_000
    for words in (["check", name], ["convert", "--to", name], ["release", name], [name]):
        done = run(*words, *flag)
        assert max(map(len, done.stderr.splitlines())) <= 310 or words == [name]

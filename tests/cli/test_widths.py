"""Help, errors and results in a narrow terminal: no word is split, and no line is too long."""

import os
import pty
import re
import subprocess
import sys

import click
import fake_lab
import pytest
from calls import command, run
from click.testing import CliRunner
from fake_converter import FakeConverter, install
from fake_lab import FakeLab

from slide_mobile.cli import main
from slide_mobile.models import catalogue

WIDTHS = (80, 60)
COMMANDS = [(), *((name,) for name in main.commands)]
NESTED = [
    (name, inner)
    for name, group in main.commands.items()
    if isinstance(group, click.Group)
    for inner in group.commands
]


def ids(commands: list[tuple[str, ...]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("words", commands, ids=lambda words: " ".join(words) or "main")


def shown(words: tuple[str, ...], width: int) -> str:
    """A command's help in a terminal of that width."""
    # What click leaves free on the right is two columns.
    done = CliRunner().invoke(main, [*words, "--help"], terminal_width=width - 2)
    assert done.exit_code == 0
    return done.stdout


def words_of(text: str) -> list[str]:
    """The words of a text, however it is broken into lines."""
    return [word for word in text.split() if set(word) != {"─"}]


@ids(COMMANDS + NESTED)
@pytest.mark.parametrize("width", WIDTHS)
def test_help_fits_and_splits_no_word(words: tuple[str, ...], width: int) -> None:
    text = shown(words, width)
    prose, _, _ = text.partition("Examples:")
    assert max(map(len, prose.splitlines())) <= width
    assert words_of(text) == words_of(shown(words, 1000))
    assert "\b" not in text and "\\b" not in text


@ids(COMMANDS)
def test_every_example_fits_into_80_columns_and_is_not_reflowed(words: tuple[str, ...]) -> None:
    help_text = shown(words, 80)
    found = main if not words else main.commands[words[0]]
    epilog = (found.epilog or "").replace("\b", "").strip()
    assert epilog.startswith("Examples:\n") and epilog.count("\n") >= 2
    for line in epilog.splitlines():
        assert f"  {line}\n" in help_text
        assert len(line) + 2 <= 80


@ids(COMMANDS + NESTED)
def test_every_option_is_explained(words: tuple[str, ...]) -> None:
    found: click.Command = main
    for word in words:
        assert isinstance(found, click.Group)
        found = found.commands[word]
    options = [p for p in found.params if isinstance(p, click.Option)]
    assert not [p.name for p in options if not p.help]


def test_the_list_of_commands_has_whole_sentences() -> None:
    listed = " ".join(shown((), 80).split())
    for name, found in main.commands.items():
        assert f"{name} {found.get_short_help_str(limit=1000)}" in listed
    assert "..." not in listed.partition("Commands:")[2].partition("Examples:")[0]


def test_no_command_prints_the_help_and_is_a_wrong_call() -> None:
    done = subprocess.run(command(), capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stderr == ""
    assert done.stdout.startswith("Usage: slide-mobile [OPTIONS]")
    assert "\x1b" not in done.stdout and done.stdout.count("\n") > 20


def in_terminal(*arguments: object, width: int) -> tuple[int, list[str]]:
    """Exit code and lines of a command whose streams are a terminal of that width."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        command(*arguments), stdout=follower, stderr=follower, stdin=follower,
        env={**os.environ, "COLUMNS": str(width), "TERM": "xterm", "NO_COLOR": "1"},
    )  # fmt: skip
    os.close(follower)
    output = b""
    while True:
        try:
            output += (read := os.read(leader, 65536))
        except OSError:  # Linux: the other side is closed
            break
        if not read:
            break
    os.close(leader)
    return process.wait(timeout=60), output.decode().splitlines()


@pytest.mark.parametrize("width", WIDTHS)
def test_an_error_breaks_between_words_on_a_terminal(width: int) -> None:
    call = ("check", "a", "--against", "b", "--modules", "-q")
    code, lines = in_terminal(*call, width=width)
    assert code == 2 and len(lines) >= 2
    assert max(map(len, lines)) <= width
    (line,) = run(*call).stderr.splitlines()  # and nowhere else
    assert words_of(" ".join(lines)) == words_of(line)


def test_a_long_word_in_an_error_stays_whole() -> None:
    path = "artifacts/" + "x" * 100
    _, lines = in_terminal("inspect", path, "-q", width=60)
    assert lines[:2] == ["error:", f"       {path}"]


def test_an_error_has_300_characters_at_most_and_keeps_both_ends() -> None:
    (line,) = run("inspect", "y" * 100 + "/" + "z" * 200, "-q").stderr.splitlines()
    assert len(line) == len("error: ") + 300 - 1
    assert line.startswith("error: yyy") and line.endswith("give a folder that convert wrote")
    (line,) = run("convert", "slide_" + "n" * 5000, "--to", "tflite", "-q").stderr.splitlines()
    assert len(line) <= 300 and "known: " in line


def test_a_name_cannot_steer_the_terminal() -> None:
    done = run("inspect", "a\x1b[2Jb")
    assert "\x1b" not in done.stderr and "a\\x1b[2Jb is not an artifact folder" in done.stderr


@pytest.mark.parametrize("width", WIDTHS)
def test_the_table_of_models_fits(width: int) -> None:
    done = CliRunner().invoke(main, ["models"], env={"COLUMNS": str(width)})
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= width and "…" not in done.stdout
    whole = set(words_of(CliRunner().invoke(main, ["models"], env={"COLUMNS": "1000"}).stdout))
    assert set(words_of(done.stdout)) <= whole
    for row in catalogue.list_models():
        (line,) = (line for line in lines if line.split()[:1] == [row.name])
        assert {f"{row.params / 1e6:.2f}", f"{row.macs / 1e9:.3f}"} <= set(line.split())


def test_the_widest_table_of_models_has_every_column() -> None:
    heading = " ".join(run("models").stdout.splitlines()[1].split())
    assert heading == "model preset input M M % G G % % notes"


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, int], str]:
    """What commands print about one artifact, by their names and the terminal's width."""
    found = {}
    wrong = FakeLab(decibels=30.0, refused=("the accelerator took a part only",))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("out"))
        install(patch, FakeConverter())
        fake_lab.install(patch, FakeLab().lab("arm64-a76"), wrong.lab("runtimes-newest"))
        root = "slide_swin_test-fake-fp32"
        convert = ("convert", "slide_swin_test", "--untrained", "--to", "fake", "--out", ".")
        check = ("check", root, "--modules")
        for words in (convert, check, ("inspect", root), ("lab", root)):
            for width in (1000, *WIDTHS):
                if words is convert and width != 60:
                    continue  # the narrowest says it all
                call = [*words, "-q"]
                done = CliRunner().invoke(main, call, env={"COLUMNS": str(width)})
                assert done.exit_code == 0, done.output
                found[words[0], width] = done.stdout
    return found


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["check", "inspect", "lab"])
def test_results_fit_and_split_no_word(
    name: str, width: int, printed: dict[tuple[str, int], str]
) -> None:
    facts, _, following = printed[name, width].partition("next:")
    wide, _, unbroken = printed[name, 1000].partition("next:")
    assert max(map(len, facts.splitlines())) <= width
    assert sorted(words_of(facts)) == sorted(words_of(wide))
    assert following == unbroken  # a command that can be copied is one line, however long


def test_what_convert_prints_fits(printed: dict[tuple[str, int], str]) -> None:
    facts, _, following = printed["convert", 60].partition("next:")
    assert max(map(len, facts.splitlines())) <= 60
    assert following.split("\n")[1:] == [
        "  slide-mobile check slide_swin_test-fake-fp32",
        "  slide-mobile inspect slide_swin_test-fake-fp32",
        "  slide-mobile bench slide_swin_test-fake-fp32",
        "  slide-mobile predict slide_swin_test-fake-fp32 IMAGE",
        "",
    ]


def test_inspect_names_what_a_newcomer_asks_for(printed: dict[tuple[str, int], str]) -> None:
    lines = printed["inspect", 1000].splitlines()
    facts = {line[:13].strip(): line[13:] for line in lines[1:]}
    assert lines[0] == "slide_swin_test-fake-fp32"
    assert facts["file"].startswith("model.fake, 0.00 MB")
    assert facts["format"] == "fake fp32, memory backend, direct exporter"
    assert facts["model"].startswith("slide_swin_test, untrained (random weights), 5 classes, ")
    assert facts["input"] == "image 1x3x64x96 NCHW float32, RGB in 0..255"
    assert facts["output"] == "logits 1x5 float32"
    assert facts["integrity"].startswith("self-consistent: ")
    assert re.match(r"SQNR 1[01]\d\.\d dB \(floor 90\), largest error ", facts["parity"])
    assert facts["agreement"].startswith("same top-1 class in ")
    assert facts["run by"] == "Fake, in memory"
    assert facts["graph"] == "1 operations: FAKE 1"
    assert facts["delegate"] == "1 partition, 0 operations outside"


@pytest.mark.parametrize("arguments", ["--help", "models"])
def test_help_and_models_load_only_what_starts_at_once(arguments: str) -> None:
    light = {"PIL", "click", "msgspec", "numpy", "rich", "typing_extensions"}  # 0.3 s in all
    ours = {"slide_mobile", "slide_mobile_converters"}
    code = (
        f"import sys; before = set(sys.modules); sys.argv[1:] = [{arguments!r}]\n"
        "from slide_mobile.__main__ import run\n"
        "try: run()\n"
        "finally: print(*{n.partition('.')[0] for n in set(sys.modules) - before}, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    loaded = {name for name in done.stderr.split() if not name.startswith("_")}
    assert loaded - sys.stdlib_module_names == light | ours

"""Every number that a command takes has a range, which its help states and which is held."""

from collections.abc import Iterator

import click
import pytest

from slide_mobile.__main__ import _code
from slide_mobile.cli import main

TEXTS = {"--input-size", "--mean", "--std", "--fail-over"}  # numbers in a text of their own


def options(group: click.Group, *path: str) -> Iterator[tuple[tuple[str, ...], click.Option]]:
    """Every option of every command, with the command's words."""
    for name, found in group.commands.items():
        if isinstance(found, click.Group):
            yield from options(found, *path, name)
        for option in found.params:
            if isinstance(option, click.Option):
                yield (*path, name), option


NUMBERS = [
    pytest.param(words, option, id=f"{'-'.join(words)}{option.opts[0]}")
    for words, option in options(main)
    if isinstance(option.type, click.types.IntParamType | click.types.FloatParamType)
]
WRONG = (
    "-1",
    "-9" + "9" * 400,
    "9" * 5_000,
    "1e400",
    "1e999999999",
    "inf",
    "-inf",
    "0x10",
    "",
    "x",
)
NEEDED = {"convert": ["--to", "tflite"]}


def called(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["slide-mobile", *words])
    return _code()


def test_numbers_are_found() -> None:
    assert len(NUMBERS) >= 8


@pytest.mark.parametrize(("words", "option"), NUMBERS)
def test_a_number_has_both_ends_and_its_help_has_them(
    words: tuple[str, ...], option: click.Option
) -> None:
    assert isinstance(option.type, click.IntRange | click.FloatRange)
    assert option.type.min is not None and option.type.max is not None
    context = click.Context(click.Command("a"))
    assert f"<={option.type.max}" in "".join(map(str, option.get_help_record(context) or ()))


@pytest.mark.parametrize("value", WRONG, ids=lambda v: v[:12])
@pytest.mark.parametrize(("words", "option"), NUMBERS)
def test_a_number_out_of_range_is_one_line(
    words: tuple[str, ...],
    option: click.Option,
    value: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    call = (*words, *NEEDED.get(words[0], []), f"{option.opts[0]}={value}", "-q")
    assert called(monkeypatch, *call) == 2
    out, err = capsys.readouterr()
    assert out == "" and len(err.splitlines()) == 1 and len(err) <= 310
    assert option.opts[0] in err


@pytest.mark.parametrize("option", sorted(TEXTS))
@pytest.mark.parametrize(
    "value", ["9" * 5_000, "1e999", "nan", "-1", "2080", "1x99999999", "\u0663"]
)
def test_a_text_of_numbers_is_bounded(
    option: str, value: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["convert", "--to", "tflite"] if option != "--fail-over" else ["bench", "x"]
    value = {"--mean": f"{value},0,0", "--std": f"{value},1,1"}.get(option, value)
    assert called(monkeypatch, *words, f"{option}={value}", "-q") == 2
    _, err = capsys.readouterr()
    assert len(err.splitlines()) == 1 and len(err) <= 310 and err.startswith("error: ")

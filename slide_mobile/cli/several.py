"""`convert` to several formats: one after the other, and one table at the end."""

import time
from collections.abc import Callable, Sequence
from itertools import product

from msgspec import Struct
from rich.console import Console
from rich.table import Column

from slide_mobile import recipes
from slide_mobile.artifact.documents import Name, NonNegative, Text
from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.artifact.manifest import Manifest
from slide_mobile.cli.explaining import explained
from slide_mobile.cli.printing import escape, mark, new_table, print_next
from slide_mobile.cli.session import KEPT, Session
from slide_mobile.progress import Progress
from slide_mobile.targets import registry


class Conversion(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One format: its artifact and manifest, or the error that the conversion ended in.

    `precision` is null where the target's default was asked for and the conversion failed.
    """

    target: Name
    precision: Name | None
    exit_code: int
    seconds: NonNegative
    artifact: Text | None = None
    manifest: Manifest | None = None
    error: Text | None = None


class Conversions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The object of `convert --json` for several formats; `report` is the file of --report."""

    conversions: tuple[Conversion, ...]
    report: Text | None = None

    @property
    def exit_code(self) -> int:
        """The gravest exit code of all conversions."""
        return max(each.exit_code for each in self.conversions)

    @property
    def artifacts(self) -> tuple[str, ...]:
        """The folders of the formats that passed."""
        return tuple(each.artifact for each in self.conversions if each.artifact is not None)


def formats(targets: Sequence[str], precisions: Sequence[str]) -> list[tuple[str, str | None]]:
    """Every target in every precision, each once; None is a target's default precision.

    The target "all" stands for every target. Raises UnknownName.
    """
    every = [name for word in targets for name in registry.expand(word)]
    named: list[str | None] = [recipes.lookup(name).name for name in precisions]
    return list(dict.fromkeys(product(every, named or [None])))


def convert_each(
    session: Session,
    wanted: Sequence[tuple[str, str | None]],
    convert: Callable[[str, str | None, Progress], ArtifactFolder],
) -> list[Conversion]:
    """Convert to each format; an error ends its own format only, and is printed at once."""
    session.interruption = KEPT
    found = []
    for number, (target, precision) in enumerate(wanted, 1):
        name = target if precision is None else f"{target} {precision}"

        def progress(
            stage: str, done: float | None = None, at: str = f"{number}/{len(wanted)} {name}"
        ) -> None:
            """Report a stage with the format that it belongs to."""
            session.progress(f"{at}: {stage}", done)

        started = time.monotonic()
        try:
            artifact = convert(target, precision, progress)
        except Exception as error:  # the other formats are not to blame for it
            message, code = explained(error, session)
            session.warn(f"{name}: {message}")
            one = Conversion(
                target=target, precision=precision, seconds=_since(started), exit_code=code,
                error=message,
            )  # fmt: skip
        else:
            one = Conversion(
                target=target, precision=artifact.manifest.precision, seconds=_since(started),
                exit_code=0, artifact=str(artifact.root), manifest=artifact.manifest,
            )  # fmt: skip
        found.append(one)
    return found


def _since(started: float) -> float:
    """Seconds since a moment of the monotonic clock."""
    return round(time.monotonic() - started, 1)


def print_table(console: Console, done: Conversions) -> None:
    """A row for each format, and the commands that follow."""
    right = ("SQNR, dB", "top-1", "MB", "int8", "seconds")
    table = new_table("format", "", *(Column(name, justify="right") for name in right))
    for each in done.conversions:
        name = f"{each.target} {each.precision or ''}".rstrip()
        numbers = ["", "", "", ""] if each.manifest is None else _numbers(each.manifest)
        table.add_row(name, mark(not each.exit_code), *numbers, f"{each.seconds:.0f}")
    console.print(table)
    for each in done.conversions:
        if each.artifact is not None:
            console.print(escape(each.artifact), soft_wrap=True)
    if done.report is not None:
        console.print(escape(done.report), soft_wrap=True)
    if done.artifacts:
        print_next(console, ("slide-mobile", "bench", *done.artifacts))


def _numbers(made: Manifest) -> list[str]:
    """The numbers of a manifest that one compares between formats."""
    return [
        f"{made.parity.sqnr_db:.1f}",
        "" if made.accuracy is None else f"{made.accuracy.top1:.2%}",
        f"{made.size_bytes / 1e6:.2f}",
        f"{made.graph.int8_mac_fraction:.0%}",
    ]

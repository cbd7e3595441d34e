"""arm64_counts.json: instructions of one inference on a core of a phone, counted under QEMU."""

from benchmarks.lib.results.document import Result, Row
from benchmarks.lib.results.markdown import grid
from slide_mobile.artifact.documents import Count, Positive, Sha256, Text

TOLERANCE = 0.01
_NAMED = 3  # kinds of operation in a line about a file


class Counted(Row, frozen=True, kw_only=True):
    """A .tflite file of a deploy form; `kinds` are instructions by LiteRT's name of operations."""

    model: Text
    precision: Text
    instructions: Positive
    kinds: dict[Text, Count]

    @property
    def name(self) -> str:
        """The file, by what it is."""
        return f"{self.model} {self.precision}"


class Counts(Result, frozen=True, kw_only=True):
    """The whole file: what was counted on which core, with which emulator and releases."""

    core: Text
    executed_by: Text
    toolchain: dict[Text, Text]
    forms_sha256: Sha256
    rows: tuple[Counted, ...]

    @property
    def digests(self) -> tuple[str, ...]:
        """The digest of the table of graph forms that the files were built with."""
        return (self.forms_sha256,)


def change(before: Counted, now: Counted) -> str | None:
    """A line about instructions that came and went, if they are more than the tolerance.

    By kind of operation: another graph form may cost the same in other operations.
    """
    kinds = before.kinds.keys() | now.kinds.keys()
    changes = {kind: now.kinds.get(kind, 0) - before.kinds.get(kind, 0) for kind in kinds}
    if sum(map(abs, changes.values())) <= TOLERANCE * before.instructions:
        return None
    largest = sorted(changes, key=lambda kind: (-abs(changes[kind]), kind))[:_NAMED]
    ratio = now.instructions / before.instructions - 1
    named = ", ".join(f"{kind} {changes[kind]:+,}" for kind in largest)
    return f"{now.name}: {now.instructions:,} instructions, {ratio:+.1%}; {named}"


def table(counts: Counts) -> str:
    """A line for each file."""
    lines = (
        [row.model, f"`{row.precision}`", f"{row.instructions / 1e6:.2f}"] for row in counts.rows
    )
    title = f"Instructions of one inference on a {counts.core}, millions:"
    return grid(title, ["model", "precision", "instructions"], 2, lines)

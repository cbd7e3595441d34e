"""Executions of code blocks by operation of one inference, as QEMU's plugin counted them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from slide_mobile.errors import SlideMobileError

MOST_PARTS = 5  # XNNPACK runs at most that many operators for one node (XNN_MAX_OPERATOR_OBJECTS)
SKIPPED = 1.0  # cost of a segment that belongs to no operation, in us of disagreement


class BadCount(SlideMobileError):
    """QEMU's plugin and LiteRT's profiler disagree about what ran."""

    exit_code = 3


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """Lines that a level of the caches fetched, and lines that it wrote to the next level."""

    fills: int = 0
    write_backs: int = 0

    def __add__(self, other: "Traffic") -> "Traffic":
        return Traffic(
            fills=self.fills + other.fills, write_backs=self.write_backs + other.write_backs
        )


@dataclass(frozen=True, kw_only=True)
class Segment:
    """What ran between two readings of the clock.

    `start` is in microseconds. `blocks` are executions by the code of a block.
    """

    start: int
    accesses: int
    traffic: tuple[Traffic, ...]
    blocks: Counter[bytes]


@dataclass(frozen=True, kw_only=True)
class Event:
    """An operation as LiteRT's profiler reports it."""

    name: str
    microseconds: int


def segments(lines: Iterable[str]) -> list[Segment]:
    """Read what the plugin wrote (its format is in plugin.c)."""
    heads: list[list[int]] = []
    counts: list[dict[str, int]] = []
    code: dict[str, bytes] = {}
    for line in lines:
        kind, *rest = line.split()
        if kind == "segment":
            heads.append([int(number) for number in rest])
            counts.append({})
        elif kind == "block":
            code[rest[0]] = bytes.fromhex(rest[2])
        else:
            counts[-1][kind] = int(rest[0])
    return [_segment(head, blocks, code) for head, blocks in zip(heads, counts, strict=True)]


def _segment(head: Sequence[int], counts: dict[str, int], code: dict[str, bytes]) -> Segment:
    start, accesses, *levels = head
    blocks: Counter[bytes] = Counter()
    for number, executions in counts.items():
        blocks[code[number]] += executions
    pairs = zip(levels[::2], levels[1::2], strict=True)
    traffic = tuple(Traffic(fills=fills, write_backs=back) for fills, back in pairs)
    return Segment(start=start, accesses=accesses, traffic=traffic, blocks=blocks)

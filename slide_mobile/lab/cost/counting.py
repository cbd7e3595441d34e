"""What QEMU's plugin wrote: code that ran, and lines of the caches, by segment."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Window = tuple[bytes, ...]  # code of blocks in the order in which they ran


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """Lines between a cache and the next level.

    `fills` came to be read, `claims` to be written to; `write_backs` went out.
    """

    fills: int = 0
    claims: int = 0
    write_backs: int = 0

    def __add__(self, other: "Traffic") -> "Traffic":
        return Traffic(
            fills=self.fills + other.fills,
            claims=self.claims + other.claims,
            write_backs=self.write_backs + other.write_backs,
        )


@dataclass(frozen=True, kw_only=True)
class Segment:
    """What ran between two readings of the clock.

    `start` is in microseconds. `blocks` are executions by the code of a block. `traffic` is that of
    each cache, first level first.
    """

    start: int
    instructions: int
    blocks: Counter[bytes]
    windows: tuple[Window, ...]
    traffic: tuple[Traffic, ...]


def read(lines: Iterable[str]) -> list[Segment]:
    """Read what the plugin wrote; its format is in plugin.c."""
    heads: list[Sequence[str]] = []
    counts: list[dict[str, int]] = []
    windows: list[list[Sequence[str]]] = [[]]
    code: dict[str, bytes] = {}
    sizes: dict[str, int] = {}
    for line in lines:
        kind, *rest = line.split()
        if kind == "segment":
            heads.append(rest)
            counts.append({})
            windows.append([])
        elif kind == "window":
            windows[-1].append(rest)
        elif kind == "block":
            sizes[rest[0]], code[rest[0]] = int(rest[1]), bytes.fromhex(rest[2])
        else:
            counts[-1][kind] = int(rest[0])
    return [
        Segment(
            start=int(head[0]),
            instructions=sum(sizes[number] * times for number, times in ran.items()),
            blocks=_by_code(ran, code),
            windows=tuple(tuple(code[number] for number in window) for window in seen),
            traffic=_traffic(head[1:]),
        )
        for head, ran, seen in zip(heads, counts, windows[: len(heads)], strict=True)
    ]


def _by_code(ran: dict[str, int], code: dict[str, bytes]) -> Counter[bytes]:
    """Executions by code: a block that was translated twice is one block here."""
    blocks: Counter[bytes] = Counter()
    for number, times in ran.items():
        blocks[code[number]] += times
    return blocks


def _traffic(numbers: Sequence[str]) -> tuple[Traffic, ...]:
    levels = zip(*(map(int, numbers[i::3]) for i in range(3)), strict=True)
    return tuple(Traffic(fills=f, claims=c, write_backs=w) for f, c, w in levels)

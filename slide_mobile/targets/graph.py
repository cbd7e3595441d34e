"""Findings about a written graph, worded the same for every target."""

from collections import Counter
from collections.abc import Iterable, Mapping


def float_macs(macs: Mapping[tuple[str, bool], int]) -> list[str]:
    """One finding on the operations of an int8 file that still multiply in float, or none.

    `macs` counts multiply-adds by (operation, whether its kernel computes in int8).
    """
    total = sum(macs.values())
    left = {name: count / total for (name, int8), count in macs.items() if count and not int8}
    if not left or not any(int8 for _, int8 in macs):
        return []
    shares = sorted(left.items(), key=lambda item: -item[1])
    listed = ", ".join(f"{name} {share:.1%}" for name, share in shares)
    return [f"multiply-adds that stay in float: {listed}"]


def counted(names: Iterable[str]) -> str:
    """Each name with its count, most frequent first: "ADD x3, MUL x1"."""
    return ", ".join(f"{name} x{count}" for name, count in Counter(names).most_common())


def int8_range(scale: float, zero_point: int, *, lowest: int = -128) -> tuple[float, float]:
    """(lowest, highest) value of a tensor in 8 bits with one scale; `lowest` is 0 for uint8."""
    return (lowest - zero_point) * scale, (lowest + 255 - zero_point) * scale

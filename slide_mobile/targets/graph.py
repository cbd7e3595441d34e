"""Facts about a written graph, in the words that every converter shares."""

from collections import Counter
from collections.abc import Iterable, Mapping


def float_macs(macs: Mapping[tuple[str, bool], int]) -> list[str]:
    """A finding: which operations of an int8 file still multiply in float.

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
    """Names with their counts, most frequent first."""
    return ", ".join(f"{name} x{count}" for name, count in Counter(names).most_common())


def int8_range(scale: float, zero_point: int, *, lowest: int = -128) -> tuple[float, float]:
    """(lowest, highest) value that 8 bits hold of a tensor quantised as a whole.

    `lowest` is 0 where they are without sign.
    """
    return (lowest - zero_point) * scale, (lowest + 255 - zero_point) * scale

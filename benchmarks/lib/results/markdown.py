"""Markdown tables."""

from collections.abc import Iterable, Sequence


def grid(title: str, head: Sequence[str], texts: int, rows: Iterable[Sequence[str]]) -> str:
    """A titled table; its first `texts` columns are aligned left, the others right."""
    rule = ["---"] * texts + ["--:"] * (len(head) - texts)
    return "\n".join([title, "", *map(_line, (head, rule, *rows))]) + "\n"


def _line(cells: Sequence[str]) -> str:
    """One line of a table."""
    return f"| {' | '.join(cells)} |"


def milliseconds(p50_ms: float, valid: bool) -> str:
    """A latency, or "invalid" where its spread is too wide to believe it."""
    return f"{p50_ms:.1f}" if valid else "invalid"

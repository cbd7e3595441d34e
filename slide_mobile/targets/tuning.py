"""Names of the cores that graph forms are chosen for."""

from typing import Literal, get_args

# "balanced" takes the forms of an A76, unless x86 would lose too much with them.
Tune = Literal["balanced", "x86", "a55", "a76", "x1"]
TUNES: tuple[Tune, ...] = get_args(Tune)
BALANCED: Tune = "balanced"


def known(name: str | None) -> Tune:
    """The tuning of this name; BALANCED for none and for one of another version."""
    return next((tune for tune in TUNES if tune == name), BALANCED)

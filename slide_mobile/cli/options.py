"""Options that several commands have, and what they make of an option's text."""

import click

from slide_mobile.errors import UsageError

full_option = click.option(
    "--full",
    is_flag=True,
    help="Compare the bundled demo on all of its 2,400 held-out drawings, not on 204.",
)


def comma_list(option: str, text: str | None) -> tuple[str, ...]:
    """The words of "gpu, arm64-a76", none where the option is not given.

    Raises UsageError for a text without a word: a gate must not vanish with an empty variable.
    """
    words = tuple(word.strip() for word in (text or "").split(",") if word.strip())
    if text is not None and not words:
        raise UsageError(f"{option} takes names with commas between them, not {text!r:.60}")
    return words

"""What several commands make of an option's text."""

from slide_mobile.errors import UsageError


def comma_list(option: str, text: str | None) -> tuple[str, ...]:
    """The words of "gpu, arm64-a76", none where the option is not given.

    Raises UsageError for a text without a word: a gate must not vanish with an empty variable.
    """
    words = tuple(word.strip() for word in (text or "").split(",") if word.strip())
    if text is not None and not words:
        raise UsageError(f"{option} takes names with commas between them, not {text!r:.60}")
    return words

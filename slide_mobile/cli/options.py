"""What several commands make of an option's text."""


def comma_list(text: str | None) -> tuple[str, ...]:
    """The words of "gpu, arm64-a76", without empty ones."""
    return tuple(word.strip() for word in (text or "").split(",") if word.strip())

"""The error that this package raises for a model file that it cannot evaluate."""

# Errors that coremltools' reader and the rules raise for damaged or unusual programs.
FAILURES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


class UnsupportedProgram(ValueError):
    """The file is not an ML program that can be evaluated; the message, one line, says why."""

    def __init__(self, message: str) -> None:
        # Names from a damaged file may contain line breaks.
        super().__init__(" ".join(message.splitlines()))


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or its class name if it has no message."""
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__

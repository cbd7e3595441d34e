"""The one error that this package raises on purpose about a model file."""

# What coremltools' reader and the rules raise on damaged or unusual programs, depending on where
# they trip.
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
    """The file is not an ML program that can be evaluated; one line says why."""

    def __init__(self, message: str) -> None:
        # A damaged file's own names can hold line breaks.
        super().__init__(" ".join(message.splitlines()))


def first_line(error: BaseException) -> str:
    """The first line of what an error says, with its kind where it says nothing."""
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__

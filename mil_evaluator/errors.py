"""The one error that this package raises on purpose about a model file."""


class UnsupportedProgram(ValueError):
    """The file is not an ML program that can be evaluated; one line says why."""

    def __init__(self, message: str) -> None:
        # A damaged file's own names can hold line breaks.
        super().__init__(" ".join(message.splitlines()))

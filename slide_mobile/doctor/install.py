"""Make the environments of toolchains that cannot share ours."""

from collections.abc import Sequence

from msgspec import Struct

from slide_mobile.errors import UsageError
from slide_mobile.progress import Progress, silent
from slide_mobile.targets import environments


class Made(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An environment that is ready now; `python` is its interpreter."""

    name: str
    python: str
    already_there: bool


class Installation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `doctor --install --json` prints."""

    environments: tuple[Made, ...]


def install(names: Sequence[str], *, progress: Progress = silent) -> Installation:
    """Make the environments of these names that do not exist yet.

    All names are checked before anything is installed. One that cannot be made ends the call; the
    ones before it stay. Raises UsageError, UnknownName, EnvironmentMissing.
    """
    if not names:
        known = ", ".join(environments.ENVIRONMENTS)
        raise UsageError(f"--install needs the name of an environment; known: {known}")
    for name in names:
        environments.folder(name)  # raises UnknownName
    made = []
    for i, name in enumerate(names):
        progress(f"create the environment {name}", i / len(names))
        already_there = environments.exists(name)
        python = environments.create(name)
        made.append(Made(name=name, python=str(python), already_there=already_there))
    return Installation(environments=tuple(made))

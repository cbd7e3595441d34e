"""The targets whose toolchains are installed; the tests of all targets run on these."""

from slide_mobile.errors import ToolchainMissing
from slide_mobile.targets import registry


def missing() -> dict[str, str]:
    """Targets that cannot be loaded here, and why."""
    found = {}
    for name in registry.names():
        try:
            registry.load(name)
        except ToolchainMissing as error:
            found[name] = str(error)
    return found


MISSING = missing()
TARGETS = [name for name in registry.names() if name not in MISSING]

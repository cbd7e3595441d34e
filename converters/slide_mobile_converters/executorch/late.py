"""What needs coremltools, imported when a file asks for it: it takes seconds, XNNPACK does without.

Only here, so that wherever it is missing it is a missing toolchain.
"""

from typing import Any

from slide_mobile.targets import registry


def coreml() -> Any:
    """The module of the Core ML delegate; raises ToolchainMissing."""
    return registry.part("executorch", ".coreml")

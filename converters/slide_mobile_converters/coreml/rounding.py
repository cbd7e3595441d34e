"""Evaluate a .mlpackage with every result rounded to the type that the program declares.

Core ML on a Mac chooses CPU, GPU or Neural Engine by itself, and a CPU may keep more digits than
the program declares. The evaluator does not (mil_evaluator's README says what it leaves out).
"""

from pathlib import Path

from slide_mobile.targets.converter import Runner
from slide_mobile_converters.coreml import running


def half_runner(path: Path) -> Runner:
    """mil_evaluator, on a Mac too; raises ArtifactError."""
    return running.evaluated(path)

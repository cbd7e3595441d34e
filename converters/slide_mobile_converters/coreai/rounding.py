"""Run an fp16 .aimodel with every result rounded to fp16: Apple's CPU runtime does so by itself."""

from pathlib import Path

from slide_mobile.targets.converter import Runner
from slide_mobile_converters.coreai import running


def half_runner(path: Path) -> Runner:
    """The same runner as for every other precision; raises ArtifactError."""
    return running.runner(path)

"""judges.json: fp16 by mil_evaluator and by Apple's own runtime, against PyTorch."""

from statistics import median

from benchmarks.lib.results.document import Measured, Row
from benchmarks.lib.results.markdown import grid
from slide_mobile.artifact.documents import Positive, Text


class Judgement(Row, frozen=True, kw_only=True):
    """SQNR of one judge against PyTorch, of the outputs and of what each module adds, in dB."""

    runtime: Text
    sqnr_db: float
    size_bytes: Positive
    modules: dict[Text, float]


class Judged(Row, frozen=True, kw_only=True):
    """One model by both judges."""

    model: Text
    coreml: Judgement
    coreai: Judgement

    @property
    def differences(self) -> dict[str, float]:
        """Apple's runtime minus mil_evaluator, in dB, for each module that both have."""
        common = self.coreml.modules.keys() & self.coreai.modules.keys()
        return {name: self.coreai.modules[name] - self.coreml.modules[name] for name in common}


class Judges(Measured, frozen=True, kw_only=True):
    """The whole file."""

    rows: tuple[Judged, ...]


def table(result: Judges) -> str:
    """A line for each model."""
    title = "fp16 against PyTorch, dB; a difference is Apple's runtime minus `mil_evaluator`:"
    head = [
        "model", "`mil_evaluator` (Core ML)", "Apple's runtime (Core AI)", "difference", "modules",
        "their median difference", "their largest difference",
    ]  # fmt: skip
    return grid(title, head, 1, map(_line, result.rows))


def _line(row: Judged) -> list[str]:
    found = row.differences
    module = max(found, key=lambda name: abs(found[name]))
    return [
        row.model,
        f"{row.coreml.sqnr_db:.1f}",
        f"{row.coreai.sqnr_db:.1f}",
        f"{row.coreai.sqnr_db - row.coreml.sqnr_db:+.1f}",
        str(len(found)),
        f"{median(found.values()):+.1f}",
        f"{found[module]:+.1f} (`{module}`)",
    ]

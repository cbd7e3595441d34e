"""sensitivity.json: what each dense module costs in int8."""

from benchmarks.lib.results.document import Measured, Row
from benchmarks.lib.results.markdown import grid
from slide_mobile.artifact.documents import Decibels, Fraction, Text

MOST_SENSITIVE = 8  # modules of each model that the table shows


class ModuleSensitivity(Row, frozen=True, kw_only=True):
    """A model of which only this module is in int8.

    `macs_share` is the module's share of the model's multiply-adds. `in_int8` says whether an int8
    file quantises the module; thin ones stay in float.
    """

    model: Text
    module: Text
    sqnr_db: Decibels
    macs_share: Fraction
    in_int8: bool


class Sensitivities(Measured, frozen=True, kw_only=True):
    """The whole file; `together_db` is the SQNR that an int8 file should reach, by model."""

    together_db: dict[Text, Decibels]
    rows: tuple[ModuleSensitivity, ...]


def table(result: Sensitivities) -> str:
    """The modules that cost the most in int8."""
    lines = []
    for model, together in result.together_db.items():
        for r in [r for r in result.rows if r.model == model][:MOST_SENSITIVE]:
            kept = "int8" if r.in_int8 else "float"
            share = f"{r.macs_share:.2%}"
            lines.append([f"`{model}`", f"`{r.module}`", f"{r.sqnr_db:.1f} dB", share, kept])
        lines.append([f"`{model}`", "all in int8, added up", f"{together:.1f} dB", "", ""])
    title = "SQNR of the logits with one module in int8, for the most sensitive modules:"
    head = ["model", "module", "SQNR", "share of multiply-adds", "in an int8 file"]
    return grid(title, head, 2, lines)

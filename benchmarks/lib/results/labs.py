"""labs.json: our files in the labs, where a phone's runtimes are emulated."""

from benchmarks.lib.results.document import Result, Row
from benchmarks.lib.results.markdown import grid
from slide_mobile.artifact.documents import Sha256, Text
from slide_mobile.lab.verdict import Verdict


class LabRow(Row, frozen=True, kw_only=True):
    """One file in one lab, and what the lab found."""

    model: Text
    target: Text
    precision: Text
    verdict: Verdict

    @property
    def file(self) -> tuple[str, str, str]:
        """The file, by what it is."""
        return self.model, self.target, self.precision


class Labs(Result, frozen=True, kw_only=True):
    """The whole file."""

    forms_sha256: Sha256
    rows: tuple[LabRow, ...]

    @property
    def digests(self) -> tuple[str, ...]:
        """The digest of the table of graph forms that the files were built with."""
        return (self.forms_sha256,)


def table(result: Labs) -> str:
    """A line for each file, a column for each lab and arithmetic."""
    columns = list(dict.fromkeys((r.verdict.lab, r.verdict.arithmetic) for r in result.rows))
    files: dict[tuple[str, str, str], dict[tuple[str, str], str]] = {}
    for r in result.rows:
        found = files.setdefault(r.file, {})
        found[r.verdict.lab, r.verdict.arithmetic] = r.verdict.summary.removesuffix(" dB")
    lines = (
        [model, target, f"`{precision}`", *(found.get(column, "") for column in columns)]
        for (model, target, precision), found in files.items()
    )
    title = "SQNR against PyTorch in the labs, golden images, dB:"
    head = ["model", "target", "precision", *(f"{lab}, {kind}" for lab, kind in columns)]
    return grid(title, head, 3, lines)

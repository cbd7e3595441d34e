"""runtimes.json: our .tflite files on older TFLite runtimes."""

from benchmarks.lib.results.document import Result, Row
from benchmarks.lib.results.markdown import grid
from slide_mobile.artifact.documents import Decibels, Sha256, Text


class RuntimeRow(Row, frozen=True, kw_only=True):
    """One file on one runtime; `error` is the last line of the run where it failed.

    A runtime that refuses the file may not say its `release`. `works` says whether the SQNR reaches
    the floor of the precision.
    """

    model: Text
    precision: Text
    via: Text
    runtime: Text
    release: Text | None
    works: bool
    sqnr_db: Decibels | None = None
    error: Text | None = None

    @property
    def outcome(self) -> str:
        """The SQNR in dB, or "refused"."""
        if self.sqnr_db is None:
            return "refused"
        return f"{self.sqnr_db:.1f} dB" + ("" if self.works else ", wrong")


class Runtimes(Result, frozen=True, kw_only=True):
    """The whole file."""

    forms_sha256: Sha256
    rows: tuple[RuntimeRow, ...]

    @property
    def digests(self) -> tuple[str, ...]:
        """The digest of the table of graph forms that the files were built with."""
        return (self.forms_sha256,)


def table(result: Runtimes) -> str:
    """A line for each file, a column for each release of TFLite."""
    releases: dict[str, str] = {}
    files: dict[tuple[str, str, str], dict[str, str]] = {}
    for r in result.rows:
        releases[r.runtime] = r.release or releases.get(r.runtime, r.runtime)
        files.setdefault((r.model, r.precision, r.via), {})[r.runtime] = r.outcome
    lines = []
    for (model, precision, via), outcomes in files.items():
        name = f"`{precision}`" + (" via onnx" if via == "onnx" else "")
        lines.append([model, name, *(outcomes[runtime] for runtime in releases)])
    title = ".tflite files on older runtimes, golden images, SQNR against PyTorch:"
    head = ["model", "precision", *(f"TFLite {release}" for release in releases.values())]
    return grid(title, head, 2, lines)

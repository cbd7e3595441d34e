"""One file that says what artifacts are: what was proved, what it costs, what they compute.

It needs no network and no script: charts are SVG inside the page, images are in it too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from slide_mobile.artifact.atomic import write_file
from slide_mobile.errors import OutputError, UsageError
from slide_mobile.pipeline.manifest_builder import timestamp
from slide_mobile.progress import Progress, silent
from slide_mobile.report import contents as gathering
from slide_mobile.report import measured, page, summary
from slide_mobile.report.contents import Problem

Format = Literal["html", "markdown", "csv"]
FORMATS: Mapping[str, Format] = {
    ".html": "html", ".htm": "html", ".md": "markdown", ".markdown": "markdown", ".csv": "csv",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Report:
    """What was written, and what could not be taken into it."""

    path: Path
    format: Format
    rows: tuple[Mapping[str, Any], ...]  # the CSV's columns by name
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether everything that was named could be read, and reached its floor."""
        return not self.problems and all(row["verdict"] != "failed" for row in self.rows)

    def to_json(self) -> dict[str, Any]:
        """The object of `report --json`."""
        return {
            "report": str(self.path),
            "format": self.format,
            "passed": self.passed,
            "artifacts": list(self.rows),
            "problems": [vars(problem) for problem in self.problems],
            "notes": list(self.notes),
        }


def write(
    roots: Sequence[Path],
    out: Path,
    *,
    bench: Sequence[Path | Mapping[str, Any]] = (),
    format: Format | None = None,
    modules: bool | None = None,
    progress: Progress = silent,
) -> Report:
    """Gather what is true of artifacts and of measurements, and write it to one file.

    The format follows the file's name where it is not given. `bench` are documents, or files of
    them, that `bench --json` or an app wrote. With `modules` every artifact is compared with
    PyTorch module by module, without it (False) none, else (None) quantised ones of small models.
    Artifacts and documents that are damaged are named in the report; the rest goes on. Raises
    UsageError for a file name of no known format, OutputError where it cannot be written.
    """
    chosen = format or FORMATS.get(out.suffix.lower())
    if chosen is None:
        raise UsageError(f"{out} says no format: end it in .html, .md or .csv, or give --format")
    if out.is_dir():
        raise OutputError(f"{out} is a folder; give a file, such as {out / 'report.html'}")
    if out.exists() and not out.is_file():  # /dev/null would be replaced by the report, for all
        raise OutputError(f"{out} is not a file that could be replaced; choose another --out")
    # Only the page shows what is inside of files.
    inside = chosen == "html"
    found = gathering.gather(
        roots, modules=modules if inside else False, ranges=inside, progress=progress
    )
    documents, refused = measured.read(bench, found.entries)
    found = gathering.with_problems(found, refused)
    progress("write the report")
    created = timestamp()
    if chosen == "html":
        text = page.html(found, documents, created=created)
    elif chosen == "markdown":
        text = page.markdown(found, documents, created=created)
    else:
        text = page.comma_separated(found, documents)
    write_file(out, text)
    return Report(
        path=out,
        format=chosen,
        rows=tuple(row.plain() for row in summary.rows(found, documents)),
        problems=found.problems,
        notes=tuple(
            f"{entry.name} was not run: {entry.not_run}"
            for entry in found.entries
            if entry.not_run is not None
        ),
    )

"""Write one file about artifacts: what was checked, how fast and large they are, what they compute.

An HTML file loads nothing: charts are SVG inside the page, images and a script that sorts the
summary are in it, too.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from slide_mobile.artifact.atomic import write_file
from slide_mobile.errors import OutputError, UsageError
from slide_mobile.isolation import files
from slide_mobile.isolation.files import StrPath
from slide_mobile.progress import Progress, automatic
from slide_mobile.progress.shown import visible
from slide_mobile.report.documents import ENDINGS, Format, Report

if TYPE_CHECKING:
    from slide_mobile.bench import BenchDocument


@visible
def write_report(
    artifacts: StrPath | Sequence[StrPath],
    out: StrPath,
    *,
    bench: "Sequence[StrPath | BenchDocument]" = (),
    format: Format | None = None,
    modules: bool | None = None,
    progress: Progress = automatic,
) -> Report:
    """Check artifacts, read measurements, and write one file about them.

    The file's name says the format if `format` is None. `bench` are documents of `bench --json` or
    of an app. `modules` true compares every artifact with PyTorch module by module, false none, and
    None quantised ones of small models. What is damaged is named in the report, and the rest goes
    in. Raises UsageError for a name of no known format, OutputError where it cannot be written.
    """
    # They import PyTorch, which `slide-mobile report --help` does without.
    from slide_mobile.pipeline.manifest_builder import timestamp
    from slide_mobile.report import contents, measured, page, summary

    out = Path(out)
    chosen = _format(out, format)
    inside = chosen == "html"  # only the page shows modules and ranges
    found = contents.gather(
        files.paths(artifacts),
        modules=modules if inside else False,
        ranges=inside,
        progress=progress,
    )
    documents, refused = measured.read(bench, found.entries)
    found = contents.with_problems(found, refused)
    progress("write the report")
    if chosen == "csv":
        text = page.comma_separated(row.document() for row in summary.rows(found, documents))
    else:
        created = timestamp()
        text = (
            page.html(found, documents, created=created, folder=out.parent)
            if inside
            else page.markdown(found, documents, created=created)
        )
    write_file(out, text)
    return summary.report(found, documents, out, chosen)


def _format(out: Path, format: Format | None) -> Format:
    """The format of a file that can be written; raises UsageError, OutputError."""
    chosen = format or ENDINGS.get(out.suffix.lower())
    if chosen is None:
        raise UsageError(f"{out} has no known ending: use .html, .md or .csv, or give --format")
    if out.is_dir():
        raise OutputError(f"{out} is a folder; give a file, such as {out / 'report.html'}")
    if out.exists() and not out.is_file():  # to replace /dev/null would break it for everybody
        raise OutputError(f"{out} is not a regular file; choose another --out")
    return chosen

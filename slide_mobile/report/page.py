"""The report as text: contents and measurements rendered to HTML, Markdown or CSV."""

import base64
import csv
import hashlib
import io
import os
import platform
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import quote

import jinja2
import msgspec
from PIL import Image

from slide_mobile._version import __version__
from slide_mobile.artifact.manifest import LABELS, MANIFEST
from slide_mobile.preprocess import Pixels
from slide_mobile.report import advice, charts, labs, latencies, ranges, summary, trade
from slide_mobile.report.chart import Table, TableCell, colour
from slide_mobile.report.contents import Contents
from slide_mobile.report.documents import Row
from slide_mobile.report.entries import Entry
from slide_mobile.report.measured import Measurements

# Sorts and filters the summary. It is in the page, which names its digest and takes no other.
SCRIPT = (Path(__file__).parent / "templates/table.js").read_text(encoding="utf-8")
THUMBNAIL = 160  # pixels of the longer side, twice as many as the page's layout has


def html(
    contents: Contents, measured: Sequence[Measurements], *, created: str, folder: Path = Path()
) -> str:
    """One self-contained document; its links to artifacts are relative to `folder`, where it is."""
    found = summary.rows(contents, measured)
    measurements = [m for document in measured for m in document.measurements]
    entries = contents.entries
    return (
        _environment(escaped=True)
        .get_template("report.html")
        .render(
            created=_to_the_minute(created),
            version=__version__,
            machine=f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
            contents=contents,
            rows=found,
            measured=measured,
            not_measured=summary.NOT_MEASURED,
            compared_on=summary.compared_on(measured),
            tiles=summary.tiles(contents, found),
            trade=trade.charts(found),
            histograms=[
                latencies.histogram(m, key=f"latency-{i}")
                for i, m in enumerate(measurements)
                if m.result.samples_ms
            ],
            modules=charts.by_module(entries),
            left_out=_left_out(entries),
            times=latencies.module_times(measurements),
            no_times=latencies.no_times(measurements),
            advice=advice.advice(found, measured),
            files={entry.name: _files(entry, folder) for entry in entries},
            script=SCRIPT,
            script_hash=base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode(),
            shares=charts.shares(entries),
            labs=labs.table(entries),
            executors=labs.executors(entries),
            census=charts.census(entries),
            ranges=ranges.chart(entries),
            sustained=latencies.sustained(measurements),
            devices=[m for m in measurements if m.on_device],
            strangers=[m for m in measurements if m.entry is None],
            pictures=[(picture, _thumbnail(picture.pixels)) for picture in contents.pictures],
            targets=list(dict.fromkeys(e.artifact.manifest.target for e in entries)),
            calibrations=_calibrations(entries),
            toolchains=_toolchains(entries),
        )
    )


def markdown(contents: Contents, measured: Sequence[Measurements], *, created: str) -> str:
    """The summary, for a pull request."""
    rows = summary.rows(contents, measured)
    return (
        _environment(escaped=False)
        .get_template("report.md")
        .render(
            created=_to_the_minute(created),
            version=__version__,
            contents=contents,
            rows=rows,
            advice=advice.advice(rows, measured),
            measured=measured,
            not_measured=summary.NOT_MEASURED,
            labs=labs.table(contents.entries),
        )
    )


def comma_separated(rows: Iterable[Row]) -> str:
    """A line per artifact below a line of names, which is there without artifacts, too."""
    file = io.StringIO()
    names = [field.name for field in msgspec.structs.fields(Row)]
    writer = csv.DictWriter(file, names, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        texts = {"failures": "; ".join(row.failures), "labs": "; ".join(map(labs.line, row.labs))}
        writer.writerow(msgspec.structs.asdict(row) | texts)
    return file.getvalue()


def _environment(*, escaped: bool) -> jinja2.Environment:
    """Templates with their filters; HTML is escaped."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("slide_mobile.report"),
        autoescape=escaped,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "megabytes": lambda size: f"{size / 1e6:.2f} MB",
        "percent": lambda share: "" if share is None else f"{share:.2%}",
        "decimals": _decimals,
        "ms": lambda value: "" if value is None else f"{value:#.3g}".rstrip("."),
        "cell": _cell,
        "colour": colour,
        "cellmark": lambda text: text.replace("|", "\\|").replace("<", "&lt;"),
    }
    made.tests |= {"number": lambda value: isinstance(value, int | float)}
    return made


def _decimals(value: float | None, digits: int = 1) -> str:
    """A number with a fixed count of decimals, empty for None."""
    return "" if value is None else f"{value:.{digits}f}"


def _cell(value: TableCell) -> str:
    """A table cell as text."""
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _to_the_minute(created: str) -> str:
    """An ISO 8601 time of UTC, without its seconds."""
    return f"{created[:10]} {created[11:16]} UTC"


def _thumbnail(pixels: Pixels) -> str:
    """An image as a data address, no larger than the page shows it."""
    image = Image.fromarray(pixels)
    image.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    image.save(file, "WEBP", quality=88)
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()


def _files(entry: Entry, folder: Path) -> list[tuple[str, str]]:
    """(name, address) of what a reader opens of an artifact."""
    made = entry.artifact.manifest
    names = [made.file, MANIFEST, *([LABELS] if made.is_classifier else [])]
    root = os.path.relpath(entry.artifact.root, folder)
    return [(name, quote(Path(root, name).as_posix())) for name in names]


def _toolchains(entries: Sequence[Entry]) -> Table:
    """The versions of the packages that wrote each artifact."""
    users: dict[tuple[str, str], list[str]] = {}
    for entry in entries:
        for pair in entry.artifact.manifest.toolchain.items():
            users.setdefault(pair, []).append(entry.name)
    return Table(
        head=("package", "version", "artifacts"),
        rows=tuple(
            (*pair, "all" if len(names) == len(entries) else ", ".join(names))
            for pair, names in sorted(users.items())
        ),
    )


def _left_out(entries: Sequence[Entry]) -> list[tuple[str, list[str]]]:
    """(why modules were not compared, names of the artifacts)."""
    found: dict[str, list[str]] = {}
    for entry in entries:
        if entry.no_modules is not None and entry.not_run is None:
            found.setdefault(entry.no_modules, []).append(entry.name)
    return list(found.items())


def _calibrations(entries: Sequence[Entry]) -> list[tuple[str, list[str]]]:
    """(the calibration set, names of the artifacts)."""
    found: dict[str, list[str]] = {}
    for entry in entries:
        given = entry.artifact.manifest.calibration
        if given is not None:
            text = f"{given.images} images ({given.source}), sha256 {given.sha256[:12]}"
            found.setdefault(text, []).append(entry.name)
    return list(found.items())

"""The page: contents and measurements as HTML, Markdown or CSV."""

import base64
import csv
import io
import platform
from collections.abc import Sequence

import jinja2
from PIL import Image

from slide_mobile import __version__
from slide_mobile.report import charts, latencies, plots, summary
from slide_mobile.report.contents import Contents, Entry, Picture
from slide_mobile.report.measured import Document
from slide_mobile.report.plots import Cell, Table

THUMBNAIL = 160  # pixels of the longer side, twice what the page gives it


def html(contents: Contents, documents: Sequence[Document], *, created: str) -> str:
    """One self-contained document."""
    found = summary.rows(contents, documents)
    measurements = [m for document in documents for m in document.measurements]
    return (
        _environment()
        .get_template("report.html")
        .render(
            created=_said(created),
            version=__version__,
            machine=f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
            contents=contents,
            rows=found,
            documents=documents,
            not_measured=summary.NOT_MEASURED,
            compared_on=summary.compared_on(documents),
            tiles=summary.tiles(contents, found),
            trade=summary.trade(found),
            histograms=[
                latencies.histogram(m, key=f"latency-{i}", target=m.facts["target"])
                for i, m in enumerate(measurements)
                if m.facts["samples_ms"]
            ],
            modules=charts.by_module(contents.entries),
            left_out=_left_out(contents.entries),
            times=latencies.module_times(measurements),
            shares=charts.shares(contents),
            census=charts.census(contents.entries),
            ranges=charts.ranges(contents.entries),
            sustained=latencies.sustained(measurements),
            devices=[m for m in measurements if m.on_device],
            strangers=[m for m in measurements if m.entry is None],
            pictures=[(picture, _thumbnail(picture)) for picture in contents.pictures],
            targets=list(dict.fromkeys(e.artifact.manifest.target for e in contents.entries)),
            calibrations=_calibrations(contents.entries),
            toolchains=_toolchains(contents.entries),
        )
    )


def markdown(contents: Contents, documents: Sequence[Document], *, created: str) -> str:
    """The summary for a pull request."""
    return (
        _environment(escaped=False)
        .get_template("report.md")
        .render(
            created=_said(created),
            version=__version__,
            contents=contents,
            rows=summary.rows(contents, documents),
            documents=documents,
            not_measured=summary.NOT_MEASURED,
        )
    )


def comma_separated(contents: Contents, documents: Sequence[Document]) -> str:
    """A line an artifact, under a line of names."""
    found = [row.plain() for row in summary.rows(contents, documents)]
    file = io.StringIO()
    # The names also where there is no artifact at all.
    names = list(found[0]) if found else ["artifact"]
    writer = csv.DictWriter(file, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(found)
    return file.getvalue()


def _environment(*, escaped: bool = True) -> jinja2.Environment:
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
        "colour": plots.colour,
        "cellmark": lambda text: text.replace("|", "\\|").replace("<", "&lt;"),
    }
    made.tests |= {"number": lambda value: isinstance(value, int | float)}
    return made


def _decimals(value: float | None, digits: int = 1) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _cell(value: Cell) -> str:
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _said(created: str) -> str:
    """An ISO 8601 time of UTC, to the minute."""
    return f"{created[:10]} {created[11:16]} UTC"


def _thumbnail(picture: Picture) -> str:
    """The image as a data address, no larger than the page shows it."""
    with Image.open(picture.path) as opened:
        image = opened.convert("RGB")
    image.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    image.save(file, "WEBP", quality=88)
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()


def _toolchains(entries: Sequence[Entry]) -> Table:
    """Which versions of which packages wrote the artifacts."""
    users: dict[tuple[str, str], list[str]] = {}
    for entry in entries:
        for pair in entry.artifact.manifest.toolchain.items():
            users.setdefault(pair, []).append(entry.name)
    return Table(
        head=("package", "version", "wrote"),
        rows=tuple(
            (*pair, "all" if len(names) == len(entries) else ", ".join(names))
            for pair, names in sorted(users.items())
        ),
    )


def _left_out(entries: Sequence[Entry]) -> list[tuple[str, list[str]]]:
    """Why modules were not compared, and the names of those whose were not."""
    found: dict[str, list[str]] = {}
    for entry in entries:
        if entry.no_modules is not None and entry.not_run is None:
            found.setdefault(entry.no_modules, []).append(entry.name)
    return list(found.items())


def _calibrations(entries: Sequence[Entry]) -> list[tuple[str, list[str]]]:
    """What int8 was calibrated on, and the names of those that were."""
    found: dict[str, list[str]] = {}
    for entry in entries:
        given = entry.artifact.manifest.calibration
        if given is not None:
            said = f"{given.images} images, {given.source}, sha256 {given.sha256[:12]}"
            found.setdefault(said, []).append(entry.name)
    return list(found.items())

"""What `convert` prints: one artifact, or a table of several."""

import resource
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from rich.console import Console

from slide_mobile import recipes
from slide_mobile.artifact.documents import NonNegative, Positive, Sha256, Text
from slide_mobile.artifact.manifest import Manifest
from slide_mobile.cli import several
from slide_mobile.cli.facts import own_facts, parity_facts, short_graph_facts
from slide_mobile.cli.printing import Fact, escape, mark, print_facts, print_next
from slide_mobile.cli.session import Session

if TYPE_CHECKING:
    from slide_mobile.artifact.folder import ArtifactFolder


class ConvertDocument(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The object of `convert --json`; the manifest's sha256 is over the bytes of its file."""

    artifact: Text
    seconds: NonNegative
    peak_rss_bytes: Positive
    manifest_sha256: Sha256
    manifest: Manifest


def one_format(session: Session, artifact: "ArtifactFolder", report: Path | None) -> int:
    """Report on the one artifact that was asked for, and print it."""
    _report([str(artifact.root)], report, session)
    document = ConvertDocument(
        artifact=str(artifact.root),
        seconds=round(session.seconds, 1),
        peak_rss_bytes=_peak_rss_bytes(),
        manifest_sha256=artifact.manifest_sha256,
        manifest=artifact.manifest,
    )
    session.emit(document, lambda console: _print(console, artifact, session.seconds))
    return 0


def several_formats(
    session: Session, found: Sequence[several.Conversion], report: Path | None
) -> int:
    """Report on the artifacts that there are, and print the table; the gravest exit code."""
    roots = [each.artifact for each in found if each.artifact is not None]
    done = several.Conversions(conversions=tuple(found), report=_report(roots, report, session))
    session.emit(done, lambda console: several.print_table(console, done))
    return done.exit_code


def _report(roots: Sequence[str], out: Path | None, session: Session) -> str | None:
    """Write the report that was asked for on the artifacts that there are."""
    if out is None or not roots:
        return None
    from slide_mobile.report.writing import write_report

    return write_report([Path(root) for root in roots], out, progress=session.progress).report


def _peak_rss_bytes() -> int:
    """Peak memory of this process or of its largest child, such as onnx2tf."""
    both = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    peak = max(resource.getrusage(who).ru_maxrss for who in both)
    return peak if sys.platform == "darwin" else peak * 1024  # Linux counts kibibytes


def _print(console: Console, artifact: "ArtifactFolder", seconds: float) -> None:
    """Print the new artifact, and the commands that follow."""
    root = str(artifact.root)
    console.print(f"{mark(True)}  {escape(root)}  ({seconds:.0f} s)")
    print_facts(console, _facts(artifact.manifest))
    verbs = (("check",), ("inspect",), ("bench",), ("predict", "IMAGE"))
    print_next(console, *(("slide-mobile", verb, root, *rest) for verb, *rest in verbs))


def _facts(manifest: Manifest) -> Iterator[Fact]:
    """File, parity, graph and notes."""
    goal = recipes.lookup(manifest.precision).goal_sqnr_db
    yield "file", f"{manifest.file}, {manifest.size_bytes / 1e6:.2f} MB"
    yield from parity_facts(manifest.parity, manifest.accuracy, goal_db=goal)
    yield from short_graph_facts(manifest.graph, float_modules=manifest.float_modules)
    yield from own_facts(manifest.own)
    for note in manifest.notes:
        yield "[yellow]note[/]", escape(note)
    if not manifest.model.trained:
        yield "[yellow]note[/]", "untrained weights: use the file for benchmarks only"

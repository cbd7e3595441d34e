"""slide-mobile web."""

import contextlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec import Struct
from rich.console import Console

from slide_mobile.artifact.documents import Count, Name, Text
from slide_mobile.cli.printing import escape, print_next
from slide_mobile.cli.session import Session
from slide_mobile.cli.verb import verb
from slide_mobile.errors import UsageError

if TYPE_CHECKING:
    from slide_mobile.web.serving import Server

EXAMPLES = """
\b
Examples:
  slide-mobile lab setup web
  slide-mobile web artifacts/*-tflite-* --out site --serve
  slide-mobile web artifacts/slide_swin_demo-tflite-int8 --out site
  slide-mobile web artifacts/*-tflite-* --out site --serve \\
      --results measured
"""
PORT = 8000


class WebDocument(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The object of `web --json`; `address` is null unless the site is being served."""

    out: Text
    artifacts: tuple[Name, ...]
    litert_js: Name
    size_bytes: Count
    address: Text | None


@click.command(epilog=EXAMPLES)
@click.argument("artifacts", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="Folder of the site to write."
)
@click.option("--force", is_flag=True, help="Replace a site that is there.")
@click.option(
    "--serve",
    "serves",
    is_flag=True,
    help="Serve the site on this machine until Ctrl-C, with the headers that threads need.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help=f"Port for --serve; 0 takes any that is free.  [default: {PORT}]",
)
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    help="Folder for the measurements that pages send back, with --serve.",
)
@verb
def web(
    session: Session,
    artifacts: tuple[Path, ...],
    out: Path,
    force: bool,
    serves: bool,
    port: int | None,
    results: Path | None,
) -> None:
    """Write a site that checks and measures ARTIFACTS in any browser, on any phone.

    ARTIFACTS are those for `tflite`. The page runs them by LiteRT.js, on the CPU and on the GPU
    where the browser has WebGPU. It compares the golden images with PyTorch's outputs before and
    after it measures, and gives the measurement as JSON for `bench --import`. It asks no other
    server, and works without a network once it has loaded.

    `lab setup web` brings LiteRT.js to this machine.
    """
    from slide_mobile.artifact.folder import size_bytes
    from slide_mobile.web import serving, write

    for option, value in (("--port", port), ("--results", results)):
        if value is not None and not serves:
            raise UsageError(f"{option} is for --serve: add it, or leave {option} out")
    if results is not None and results.resolve().is_relative_to(out.resolve()):
        raise UsageError("--results is inside --out, which is replaced: choose another folder")
    with contextlib.ExitStack() as stack:
        server = None
        if serves:
            server = stack.enter_context(_bound(session, out, port, results))
        site = write(artifacts, out, force=force, progress=session.progress)
        done = WebDocument(
            out=str(out),
            artifacts=tuple(item.folder for item in site.artifacts),
            litert_js=site.litert_js,
            size_bytes=size_bytes(out),
            address=None if server is None else server.address,
        )
        session.emit(done, lambda console: _print(console, done, results))
        if server is not None:
            serving.serve(server)


def _bound(session: Session, out: Path, port: int | None, results: Path | None) -> "Server":
    """A server that has its port, and a folder for results if one is given."""
    from slide_mobile.web import serving
    from slide_mobile.web.receiving import Inbox

    inbox = None
    if results is not None:
        inbox = Inbox(results, partial(_received, session))
    return serving.bind(out, PORT if port is None else port, inbox)


def _received(session: Session, path: Path) -> None:
    """Say on stderr that a page sent a measurement."""
    if not session.quiet:
        session.err.print(f"received {escape(str(path))}", highlight=False)


def _print(console: Console, done: WebDocument, results: Path | None) -> None:
    """Print what was written, and what can be done with it."""
    measured = ("slide-mobile", "bench", "--import", str(results or "FILE.json"))
    count = len(done.artifacts)
    console.print(
        f"[bold]{escape(done.out)}[/]  {count} artifact{'' if count == 1 else 's'}, "
        f"LiteRT.js {done.litert_js}, {done.size_bytes / 1e6:.0f} MB"
    )
    if done.address is not None:
        console.print(f"[bold green]serving[/]  {done.address}  (Ctrl-C ends it)")
        print_next(console, measured)
        return
    serve = ("python3", "-m", "http.server", "--bind", "127.0.0.1", "--directory", done.out)
    print_next(console, serve, measured)

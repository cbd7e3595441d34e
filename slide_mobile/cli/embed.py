"""slide-mobile embed."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from slide_mobile.cli.session import KEPT, Session, escape, verb
from slide_mobile.errors import UsageError

if TYPE_CHECKING:
    from slide_mobile.artifact.embed import Outcome

EXAMPLES = """
\b
Examples:
  slide-mobile embed artifacts/slide_swin_demo-coreml-fp16 --app apps/ios_demo
  slide-mobile embed artifacts/*-tflite-* --app apps/android_demo
  slide-mobile embed --remove slide_swin_demo-tflite-int8 --app apps/android_demo
"""


@click.command(epilog=EXAMPLES)
@click.argument("artifacts", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--app",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder of an Xcode or Gradle project, or the very folder for the artifacts.",
)
@click.option("--remove", metavar="NAME", multiple=True, help="Take it out; may be given again.")
@verb
def embed(session: Session, artifacts: tuple[Path, ...], app: Path, remove: tuple[str, ...]) -> int:
    """Put ARTIFACTS into an app's resources, verified, and list them in the app's index.

    An artifact of the same name is replaced. iOS apps take Core ML and ExecuTorch, Android apps
    TFLite and ExecuTorch with XNNPACK; exit code 2 for what the app cannot run, 1 for what is
    damaged. Of several, the others are embedded all the same.
    """
    from slide_mobile.artifact import embed

    session.interruption = KEPT
    if not artifacts and not remove:
        raise UsageError("nothing to do: give artifacts, or --remove NAME")
    done = embed.embed(artifacts, app, remove=remove, progress=session.progress)
    for _, error in done.failures:
        session.warn(str(error))
    session.emit(done.document(), lambda console: _print(console, done))
    return done.exit_code


def _print(console: Console, done: "Outcome") -> None:
    for item in done.embedded:
        size = f"{item.size_bytes / 1e6:.2f} MB"
        console.print(f"[bold green]{item.state:9}[/]  {escape(item.folder)}  {size}")
    for name in done.removed:
        console.print(f"[bold]removed[/]    {escape(name)}")
    console.print(f"{len(done.index.artifacts)} in {escape(str(done.app.folder))}")

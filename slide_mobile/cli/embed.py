"""slide-mobile embed."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from slide_mobile.cli.printing import escape
from slide_mobile.cli.session import KEPT, Session
from slide_mobile.cli.verb import verb
from slide_mobile.errors import GateFailed, UsageError

if TYPE_CHECKING:
    from slide_mobile.artifact.embed import Outcome

EXAMPLES = """
\b
Examples:
  slide-mobile embed artifacts/slide_swin_demo-coreml-fp16 --app apps/ios_demo
  slide-mobile embed artifacts/*-tflite-* --app apps/android_demo
  slide-mobile embed --remove slide_swin_demo-tflite-int8 \\
      --app apps/android_demo
"""


@click.command(epilog=EXAMPLES)
@click.argument("artifacts", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--app",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder of an Xcode or Gradle project, or the folder that will contain the artifacts.",
)
@click.option(
    "--remove",
    metavar="NAME",
    multiple=True,
    help="Remove this artifact from the app; can be repeated.",
)
@click.option(
    "--require-signature",
    "keys",
    metavar="KEY",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Refuse artifacts that are not signed with this public key, and make the app trust it; "
    "can be repeated.",
)
@verb
def embed(
    session: Session,
    artifacts: tuple[Path, ...],
    app: Path,
    remove: tuple[str, ...],
    keys: tuple[Path, ...],
) -> int:
    """Copy ARTIFACTS into an app.

    Each artifact is verified, copied into the app's resources, and listed in the app's index. It
    replaces an artifact of the same name. An iOS app runs Core ML and ExecuTorch; an Android app
    runs TFLite, and ExecuTorch with XNNPACK.

    Exit code 1 means that an artifact is damaged, and 2 that the app cannot run it. The other
    artifacts are still copied. With --require-signature, one that is not authentic ends the command
    with exit code 1 before anything is copied.
    """
    from slide_mobile.artifact import embed

    session.interruption = KEPT
    if not artifacts and not remove:
        raise UsageError("nothing to do: give artifact folders, or --remove NAME")
    if keys:
        _require_signatures(artifacts, keys, session)
    done = embed.embed(artifacts, app, remove=remove, trusted=keys, progress=session.progress)
    for _, error in done.failures:
        session.warn(str(error))
    session.emit(done.document(), lambda console: _print(console, done))
    return done.exit_code


def _require_signatures(
    artifacts: tuple[Path, ...], keys: tuple[Path, ...], session: Session
) -> None:
    """Raise GateFailed, before anything is copied, unless every artifact is authentic."""
    from slide_mobile import signing

    for artifact in artifacts:
        session.progress(f"verify the signature of {artifact.name}")
        found = signing.verify(artifact, keys)
        if found.status != "authentic":
            why = "" if found.reason is None else f" ({found.reason})"
            raise GateFailed(f"{artifact} is {found.status}{why}: nothing was embedded")


def _print(console: Console, done: "Outcome") -> None:
    """Print what was copied and removed, and what the app has now."""
    for item in done.embedded:
        size = f"{item.size_bytes / 1e6:.2f} MB"
        console.print(f"[bold green]{item.state:9}[/]  {escape(item.folder)}  {size}")
    for name in done.removed:
        console.print(f"[bold]removed[/]    {escape(name)}")
    count = len(done.index.artifacts)
    plural = "" if count == 1 else "s"
    console.print(f"the app has {count} artifact{plural} in {escape(str(done.app.folder))}")

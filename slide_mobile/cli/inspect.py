"""slide-mobile inspect."""

from collections.abc import Iterator
from pathlib import Path

import click
from msgspec.structs import asdict
from rich.console import Console

from slide_mobile.artifact.documents import Name, Positive, Sha256, Text
from slide_mobile.artifact.folder import SELF_CONSISTENT, ArtifactFolder, Integrity
from slide_mobile.artifact.manifest import (
    Accuracy,
    Graph,
    Input,
    Model,
    Output,
    Parity,
)
from slide_mobile.artifact.own_network import OwnNetwork
from slide_mobile.cli.facts import INTEGRITY, file_facts, graph_facts, own_facts, parity_facts
from slide_mobile.cli.printing import Fact, escape, print_facts, print_next
from slide_mobile.cli.session import Session
from slide_mobile.cli.verb import verb
from slide_mobile.tasks import Task

EXAMPLES = """
\b
Examples:
  slide-mobile inspect artifacts/slide_swin_demo-tflite-int8
  slide-mobile inspect artifacts/slide_swin_demo-tflite-int8 --json \\
      | jq .findings
"""


class InspectDocument(Graph, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The object of `inspect --json`.

    The graph's fields are read from the model file now; the others are the manifest's. `parity`
    and `accuracy` are those of the conversion: `check` measures them again.
    """

    artifact: Text
    manifest_sha256: Sha256
    integrity: Integrity = SELF_CONSISTENT
    file: Name
    size_bytes: Positive
    target: Name
    precision: Name
    backend: Name
    via: Name
    model: Model
    task: Task
    input: Input
    outputs: tuple[Output, ...]
    parity: Parity
    accuracy: Accuracy | None
    float_modules: tuple[Name, ...]
    own: OwnNetwork | None = None
    created: Text


@click.command(epilog=EXAMPLES)
@click.argument("artifact", type=click.Path(path_type=Path))
@verb
def inspect(session: Session, artifact: Path) -> None:
    """Show what ARTIFACT contains.

    Reads the model file again and prints its size, input, outputs and graph, with the result of
    the comparison with PyTorch that was recorded at conversion. The exit code is 1 if a file in
    the folder does not match the manifest.
    """
    from slide_mobile.pipeline import inspect

    session.progress("read the file")
    graph = inspect.inspect(artifact)
    opened = ArtifactFolder.open(artifact)
    session.emit(_document(opened, graph), lambda console: _print(console, opened, graph))


def _document(artifact: ArtifactFolder, graph: Graph) -> InspectDocument:
    """The object of `inspect --json`: fields of the manifest, and of the graph as read now."""
    manifest = artifact.manifest
    kept = {name for name in InspectDocument.__struct_fields__ if hasattr(manifest, name)}
    return InspectDocument(
        artifact=str(artifact.root),
        manifest_sha256=artifact.manifest_sha256,
        **{name: value for name, value in asdict(manifest).items() if name in kept},
        **asdict(graph),
    )


def _print(console: Console, artifact: ArtifactFolder, graph: Graph) -> None:
    """Print the artifact, and the command that checks it again."""
    console.print(f"[bold]{escape(str(artifact.root))}[/]")
    print_facts(console, _facts(artifact, graph))
    print_next(console, ("slide-mobile", "check", str(artifact.root)))


def _facts(artifact: ArtifactFolder, graph: Graph) -> Iterator[Fact]:
    """File, integrity, recorded parity, and graph."""
    manifest = artifact.manifest
    yield from file_facts(manifest)
    yield "integrity", INTEGRITY
    yield "recorded", f"passed the comparison with PyTorch on {escape(manifest.created[:10])}:"
    yield from parity_facts(manifest.parity, manifest.accuracy)
    yield from own_facts(manifest.own)
    yield from graph_facts(graph, float_modules=manifest.float_modules)

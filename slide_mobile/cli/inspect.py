"""slide-mobile inspect."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec
from rich.console import Console

from slide_mobile.cli.parity import described
from slide_mobile.cli.session import Session, escape, verb

if TYPE_CHECKING:
    from slide_mobile.artifact.manifest import Graph, Manifest


GIVEN_BACK = "(given back to hold the floor)"


EXAMPLES = """
\b
Examples:
  slide-mobile inspect artifacts/slide_swin_demo-tflite-int8
  slide-mobile inspect artifacts/slide_swin_demo-tflite-int8 --json | jq .findings
"""


@click.command(epilog=EXAMPLES)
@click.argument("artifact", type=click.Path(path_type=Path))
@verb
def inspect(session: Session, artifact: Path) -> None:
    """Re-read ARTIFACT's model file and state what it holds."""
    from slide_mobile.artifact.folder import Artifact
    from slide_mobile.pipeline import inspect

    session.progress("read the file")
    graph = inspect.inspect(artifact)
    manifest = Artifact.open(artifact).manifest
    document = msgspec.to_builtins(graph) | {
        "task": manifest.task,
        "outputs": msgspec.to_builtins(manifest.outputs),
        "float_modules": list(manifest.float_modules),
    }
    session.emit(document, lambda console: _print(console, graph, manifest))


def _print(console: Console, graph: "Graph", manifest: "Manifest") -> None:
    for output in manifest.outputs:
        console.print(f"output      {described(output)}")
    ops = ", ".join(f"{name} {count}" for name, count in graph.ops.items())
    console.print(f"operations  {graph.total_ops}: {escape(ops)}")
    console.print(f"delegate    {delegation(graph)}")
    console.print(f"rank        <= {graph.max_rank}")
    console.print(f"int8        {graph.int8_mac_fraction:.1%} of multiply-adds")
    if manifest.float_modules:
        console.print(f"float       {escape(', '.join(manifest.float_modules))} {GIVEN_BACK}")
    console.print(f"runtime     {graph.min_runtime or 'unknown'} or newer")
    for line in graph.findings:
        console.print(f"[yellow]finding[/]     {escape(line)}")


def delegation(graph: "Graph") -> str:
    """How much of the graph a delegate takes, in words."""
    if not graph.partitions:
        return "none"
    outside = graph.total_ops - graph.delegated_ops
    return f"{graph.partitions} partition(s), {outside} operations outside"

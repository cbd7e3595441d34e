"""What commands print about an artifact, as labelled lines: numbers, graph, integrity."""

from collections.abc import Iterator, Sequence

from slide_mobile.artifact.folder import SELF_CONSISTENT
from slide_mobile.artifact.manifest import (
    Accuracy,
    Graph,
    Input,
    Manifest,
    Model,
    Output,
    Parity,
)
from slide_mobile.artifact.own_network import OwnNetwork
from slide_mobile.cli.printing import Fact, escape

NAMED = 3  # modules that a line names
INTEGRITY = f"{SELF_CONSISTENT}: every file matches the manifest"


def parity_facts(
    parity: Parity, accuracy: Accuracy | None, *, goal_db: float | None = None
) -> Iterator[Fact]:
    """The comparison with PyTorch: numbers, each output where there are several, and what ran."""
    worst = " in the worst output" if len(parity.outputs) > 1 else ""
    goal = "" if goal_db is None else f", goal {goal_db:g}"
    yield (
        "parity",
        f"SQNR {parity.sqnr_db:.1f} dB{worst} (floor {parity.min_sqnr_db:g}{goal}), "
        f"largest error {parity.max_abs:.2g}",
    )
    if len(parity.outputs) > 1:
        for output in parity.outputs:
            yield output.name, f"{output.sqnr_db:.1f} dB, largest error {output.max_abs:.2g}"
    if parity.top1_agreement is not None:
        floor = parity.min_top1_agreement
        limit = "" if floor is None else f" (floor {100 * floor:g}%)"
        yield "agreement", f"same top-1 class in {parity.top1_agreement:.2%} of images{limit}"
    if accuracy is not None:
        yield "accuracy", f"top-1 {accuracy.top1:.2%}, {_reference(accuracy)}"
    yield "images", f"{parity.samples} ({escape(parity.images)})"
    yield "run by", escape(parity.runtime)


def file_facts(manifest: Manifest) -> Iterator[Fact]:
    """What the file is, which model is in it, and what goes in and out."""
    made = f"{manifest.target} {manifest.precision}, {manifest.backend} backend"
    yield "file", f"{manifest.file}, {manifest.size_bytes / 1e6:.2f} MB"
    yield "format", escape(f"{made}, {manifest.via} exporter")
    yield "model", _model(manifest.model)
    yield "task", manifest.task
    yield "input", _input(manifest.input)
    for output in manifest.outputs:
        yield "output", _output(output)


def own_facts(own: OwnNetwork | None) -> Iterator[Fact]:
    """What became of the modules of a network of the user, by rewrite and by reason."""
    if own is None:
        return
    rewritten = [(one.rewrite, one.module) for one in own.rewritten]
    left = [(one.reason, one.module) for one in own.left]
    for label, pairs in (("rewritten", rewritten), ("[yellow]left[/]", left)):
        for kind in dict.fromkeys(kind for kind, _ in pairs):
            modules = [module for one, module in pairs if one == kind]
            yield label, escape(f"{kind}: {shortened(modules)}")


def shortened(names: Sequence[str]) -> str:
    """The first names of a list, and how many more there are."""
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")


def graph_facts(graph: Graph, *, float_modules: tuple[str, ...]) -> Iterator[Fact]:
    """The graph in the file: each operation, who executes it, and what stands out."""
    operations = ", ".join(f"{name} {count}" for name, count in graph.ops.items())
    oldest = graph.min_runtime
    yield "graph", f"{graph.total_ops} operations: {escape(operations)}"
    yield "max rank", f"{graph.max_rank}"
    yield from _placement_facts(graph, float_modules)
    yield "runtime", "unknown" if oldest is None else f"{escape(oldest)} or newer"
    for finding in graph.findings:
        yield "[yellow]finding[/]", escape(finding)


def short_graph_facts(graph: Graph, *, float_modules: tuple[str, ...]) -> Iterator[Fact]:
    """The graph in the file, without the list of its operations."""
    yield "graph", f"{graph.total_ops} operations, maximum rank {graph.max_rank}"
    yield from _placement_facts(graph, float_modules)


def _placement_facts(graph: Graph, float_modules: tuple[str, ...]) -> Iterator[Fact]:
    """What a delegate takes, what computes in int8, and which modules were kept in float."""
    delegate = f"{graph.partitions} partition{'' if graph.partitions == 1 else 's'}"
    outside = f"{graph.total_ops - graph.delegated_ops} operations outside"
    yield "delegate", f"{delegate}, {outside}" if graph.partitions else "none"
    yield "int8", f"{graph.int8_mac_fraction:.1%} of multiply-adds"
    if float_modules:
        yield "float", f"{escape(', '.join(float_modules))} (kept in float to reach the floor)"


def _model(model: Model) -> str:
    """Name, weights and size of the model."""
    weights = "trained" if model.trained else "untrained (random weights)"
    size = f"{model.params / 1e6:.2f} M parameters, {model.macs / 1e9:.3f} G multiply-adds"
    classes = "" if model.num_classes is None else f" {model.num_classes} classes,"
    return f"{escape(model.name)}, {weights},{classes} {size}"


def _input(taken: Input) -> str:
    """Name, shape, type and range of the image."""
    low, high = taken.range
    shape = f"{_shape(taken.shape)} {taken.layout} {taken.dtype}"
    return f"{taken.name} {shape}, {taken.color} in {low}..{high}"


def _output(output: Output) -> str:
    """Name, shape and type of an output; a map has a layout, too."""
    layout = "" if output.layout is None else f" {output.layout}"
    return f"{output.name} {_shape(output.shape)}{layout} {output.dtype}"


def _shape(shape: tuple[int, ...]) -> str:
    """A shape as in 1x3x224x224."""
    return "x".join(map(str, shape))


def _reference(accuracy: Accuracy) -> str:
    """PyTorch's accuracy on the same images."""
    if accuracy.reference_top1 is None:
        return "PyTorch was not run"
    return f"PyTorch {accuracy.reference_top1:.2%}"

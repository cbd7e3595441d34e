"""How `convert` and `check` print what was compared with PyTorch."""

from collections.abc import Iterator

from slide_mobile.artifact.manifest import Output, Parity


def lines(parity: Parity, *, goal_db: float | None = None) -> Iterator[str]:
    """The manifest's `parity`: a line, and one for each output where there are several."""
    outputs = parity.outputs
    goal = "" if goal_db is None else f", goal {goal_db:g}"
    agreement = parity.top1_agreement
    compared = f"{parity.samples} images"
    if agreement is not None:
        compared = f"top-1 agreement {agreement:.2%} of {parity.samples}"
    yield (
        f"  parity    {parity.sqnr_db:.1f} dB{' at worst' if len(outputs) > 1 else ''} "
        f"(floor {parity.min_sqnr_db:g}{goal}), max |err| {parity.max_abs:.2g}, {compared}"
    )
    if len(outputs) > 1:
        for output in outputs:
            yield (f"  {output.name:9} {output.sqnr_db:.1f} dB, max |err| {output.max_abs:.2g}")


def described(output: Output) -> str:
    """One of the manifest's `outputs`: name, shape, layout if any, type."""
    layout = "" if output.layout is None else f" {output.layout}"
    return f"{output.name} {'x'.join(map(str, output.shape))}{layout} {output.dtype}"

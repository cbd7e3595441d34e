"""Cycles of operations from the blocks that they ran, all data in the first cache.

A block's own cycles (it runs again and again, as a loop does) times its executions are a first sum.
Blocks of short loops overlap with their neighbours, or wait for them; so windows, which are blocks
in the order in which they ran, are simulated too, and correct the sum by the ratio of both ways.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import reduce
from operator import add

from slide_mobile.lab.cost import llvm
from slide_mobile.lab.cost.counting import Window
from slide_mobile.lab.cost.llvm import Assembly
from slide_mobile.lab.cost.operations import Operation

COVERED = 0.999  # of the executed code; the rest is scaled from the blocks that were simulated
MOST_WINDOWS = 8  # of an operation, evenly spread
_ITERATIONS, _WINDOW_ITERATIONS = 100, 4

Cycles = Mapping[bytes, float]
WindowCycles = Mapping[Window, float]


def cycles(ops: Sequence[Operation], assembly: Assembly, core: str) -> list[float]:
    """Cycles of each operation under LLVM's model `core`; raises WorkerFailed."""
    blocks = hottest(reduce(add, (op.blocks for op in ops), Counter()))
    texts = dict(zip(blocks, llvm.disassemble(blocks, assembly), strict=True))
    found = llvm.simulate(list(texts.values()), assembly, core, iterations=_ITERATIONS)
    alone = {blocks[index]: each for index, each in found.items()}
    windows = sorted({window for op in ops for window in spread(known(op.windows, alone))})
    joined = ["".join(texts[block] for block in window) for window in windows]
    found = llvm.simulate(joined, assembly, core, iterations=_WINDOW_ITERATIONS)
    together = {windows[index]: each for index, each in found.items()}
    return [of_operation(op, alone, together) for op in ops]


def hottest(executions: Counter[bytes]) -> list[bytes]:
    """Blocks that make up COVERED of the executed code, in bytes; most first."""
    order = sorted(executions, key=lambda block: (-executions[block] * len(block), block))
    wanted = COVERED * sum(times * len(block) for block, times in executions.items())
    chosen, so_far = [], 0
    for block in order:
        if so_far >= wanted:
            break
        chosen.append(block)
        so_far += executions[block] * len(block)
    return chosen


def known(windows: Sequence[Window], alone: Cycles) -> list[Window]:
    """Windows whose blocks were all simulated."""
    return [window for window in windows if all(block in alone for block in window)]


def spread(windows: Sequence[Window]) -> list[Window]:
    """At most MOST_WINDOWS of them, evenly spread."""
    count = min(len(windows), MOST_WINDOWS)
    return [windows[(2 * i + 1) * len(windows) // (2 * count)] for i in range(count)]


def of_operation(op: Operation, alone: Cycles, together: WindowCycles) -> float:
    """Cycles of an operation, from those of blocks and of windows."""
    simulated = {block: times for block, times in op.blocks.items() if block in alone}
    covered = sum(times * len(block) for block, times in simulated.items())
    if covered == 0:  # so little code that none of it was simulated
        return float(op.instructions)
    whole = sum(times * len(block) for block, times in op.blocks.items())
    plain = sum(times * alone[block] for block, times in simulated.items()) * whole / covered
    windows = [window for window in spread(known(op.windows, alone)) if window in together]
    if not windows:
        return plain
    in_order = sum(together[window] for window in windows)
    return plain * in_order / sum(alone[block] for window in windows for block in window)

"""Time of each operation of a .onnx, by ONNX Runtime's own profiler.

The profiler writes a trace of events in whole microseconds. Its own cost, about a microsecond for
each operation, is included. A node that ONNX Runtime rewrote has the name of the original node or
of its output, with "_nchwc" if the layout changed. A node that it inserted (ReorderInput) is
counted for the module of the node that follows.
"""

import json
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from slide_mobile.preprocess import Pixels, planar
from slide_mobile.targets.profiles import BETWEEN, RUNS, OperationTime
from slide_mobile_converters.onnx import reading, running
from slide_mobile_converters.onnx.reading import INPUT, module_path

WARM_UP = 3
_KERNEL, _NCHWC = "_kernel_time", "_nchwc"
_RUN = "model_run"


def profile(
    path: Path, image: Pixels, *, runs: int = RUNS, threads: int = 1
) -> tuple[OperationTime, ...]:
    """Median time of each operation over the runs, in execution order; BETWEEN is last."""
    with tempfile.TemporaryDirectory() as folder:
        session = running.opened(path, threads=threads, trace=Path(folder) / "trace")
        pixels = {INPUT: planar(image)}
        for _ in range(WARM_UP + runs):
            session.run(None, pixels)
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    whole = [event["dur"] for event in events if event["name"] == _RUN][WARM_UP:]
    nodes = _nodes(events)
    modules = _modules([name for name, _, _ in nodes], _owners(path))
    times = [
        OperationTime(name=kind, module=module, microseconds=float(np.median(taken[WARM_UP:])))
        for (_, kind, taken), module in zip(nodes, modules, strict=True)
    ]
    rest = max(0.0, float(np.median(whole)) - sum(time.microseconds for time in times))
    return (*times, OperationTime(name=BETWEEN, module=BETWEEN, microseconds=rest))


def _nodes(events: Iterable[Mapping[str, Any]]) -> list[tuple[str, str, list[float]]]:
    """Name, operation and times of each node, in execution order."""
    times: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for event in events:
        name, given = event["name"], event["args"]
        if event["cat"] == "Node" and name.endswith(_KERNEL):
            # Names can repeat; the index in the rewritten graph is unique.
            key = (given["node_index"], name.removesuffix(_KERNEL), given["op_name"])
            times[key].append(event["dur"])
    return [(name, kind, taken) for (_, name, kind), taken in times.items()]


def _owners(path: Path) -> dict[str, str]:
    """Module paths by the name of a node, and by the name of its outputs."""
    owners = {}
    for node in reading.read(path).graph.node:
        owners.update(dict.fromkeys((node.name, *node.output), module_path(node)))
    return owners


def _modules(names: Sequence[str], owners: Mapping[str, str]) -> list[str]:
    """Module path of each node; a node that the file does not have gets that of the next."""
    modules, following = [], ""
    for name in reversed(names):
        following = owners.get(name, owners.get(name.removesuffix(_NCHWC), following))
        modules.append(following)
    return modules[::-1]

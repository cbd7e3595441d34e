"""Where the time of a .onnx file goes on ONNX Runtime, operation by operation.

Its profiler writes a trace of events in whole microseconds; what it adds to an operation (about a
microsecond each) is in there. A node that ONNX Runtime rewrote carries its own name or that of the
tensor it gives, with "_nchwc" where the layout changed; what it inserted (ReorderInput) belongs to
what follows.
"""

import json
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from slide_mobile.preprocess import Pixels, planar
from slide_mobile.targets.profiles import BETWEEN, OperationTime
from slide_mobile_converters.onnx import graph, running
from slide_mobile_converters.onnx.lowering import INPUT, module_path

WARM_UP = 3
_KERNEL, _NCHWC = "_kernel_time", "_nchwc"
_RUN = "model_run"


def profile(
    path: Path, image: Pixels, *, runs: int = 20, threads: int = 1
) -> tuple[OperationTime, ...]:
    """Each operation that runs, in order, by its median over the runs; BETWEEN is last."""
    with tempfile.TemporaryDirectory() as folder:
        session = running.session(path, threads=threads, trace=Path(folder) / "trace")
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
    """Name, operation and times of each node, in the order of execution."""
    times: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for event in events:
        name, given = event["name"], event["args"]
        if event["cat"] == "Node" and name.endswith(_KERNEL):
            # Names need not differ, the index in the rewritten graph does.
            key = (given["node_index"], name.removesuffix(_KERNEL), given["op_name"])
            times[key].append(event["dur"])
    return [(name, kind, taken) for (_, name, kind), taken in times.items()]


def _owners(path: Path) -> dict[str, str]:
    """Modules by the names of nodes and of the tensors that they give."""
    owners = {}
    for node in graph.read(path).graph.node:
        owners.update(dict.fromkeys((node.name, *node.output), module_path(node)))
    return owners


def _modules(names: Sequence[str], owners: Mapping[str, str]) -> list[str]:
    """The module of each node; one that is not in the file belongs to what follows it."""
    modules, following = [], ""
    for name in reversed(names):
        following = owners.get(name, owners.get(name.removesuffix(_NCHWC), following))
        modules.append(following)
    return modules[::-1]

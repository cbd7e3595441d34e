"""One module on a map, written by a converter and loaded, ready to be timed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from benchmarks.lib.building import write
from slide_mobile.deploy.export import INPUT, ImageModel
from slide_mobile.preprocess import Pixels, planar
from slide_mobile.targets import registry
from slide_mobile.tasks import channels_last

Map = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class MapModule:
    """A loaded file; `call` runs it on its map, `output` is the result, (1, H, W, C).

    `outside` counts the operations that the delegates left outside.
    """

    call: Callable[[], object]
    output: Map
    partitions: int
    outside: int


def built(
    module: nn.Module, maps: Sequence[Map], path: Path, *, target: str, precision: str
) -> MapModule:
    """Write a module, calibrated on maps (H, W, C), and load it on one thread with the first.

    The module takes and gives maps in the layout of the target.
    """
    converter = registry.load(target)
    first = cast(Pixels, maps[0])  # runners make float32 of it
    channels_first = converter.LAYOUT == "NCHW"
    example = torch.from_numpy(planar(first) if channels_first else maps[0][None])
    with torch.no_grad():
        # "NCHW" hands the map on as it lies.
        program = torch.export.export(ImageModel(module, "NCHW").eval(), (), {INPUT: example})
    write(
        program,
        path,
        target=target,
        precision=precision,
        title=type(module).__name__,
        channels=maps[0].shape[-1],
        calibration=maps,
    )
    runner, graph = converter.runner(path, threads=1), converter.inspect(path)
    (output,) = runner.call(first).values()
    assert runner.bind is not None
    return MapModule(
        call=runner.bind(first),
        output=channels_last(output, converter.LAYOUT).astype(np.float32),
        partitions=graph.partitions,
        outside=graph.total_ops - graph.delegated_ops,
    )

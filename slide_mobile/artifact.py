"""The artifact folder: a model file, what is true of it, and the images that prove it.

    <out>/<model>-<target>-<precision>/
        model.tflite | model.pte | model.mlpackage/ | model.onnx
        manifest.json    schema 1, below
        labels.txt       one label a line
        golden/00.png    images at input size; their reference logits are in the manifest

An artifact appears whole or not at all: it is written in a sibling folder and renamed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

SCHEMA_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Graph:
    """What the written file holds, read back from disk by its converter.

    `partitions` counts delegate partitions, `delegated_ops` of `total_ops` run inside them;
    `int8_mac_fraction` is the share, in 0..1, of multiply-adds whose kernel computes in int8.
    `min_runtime` is the oldest runtime version whose kernels cover every operation, where known.
    """

    ops: Mapping[str, int]
    max_rank: int
    partitions: int
    delegated_ops: int
    total_ops: int
    int8_mac_fraction: float
    min_runtime: str | None = None
    findings: tuple[str, ...] = field(default=())

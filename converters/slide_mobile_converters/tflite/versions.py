"""The oldest runtime that runs a file: confirmed by runs, or else claimed by LiteRT's tables.

`confirmed.json` lists operations by version and operand types. For each it has the releases on
which files of ours with that operation gave PyTorch's logits (`python -m benchmarks.runtimes`
writes it). If all operations of a file were confirmed on one release, that release is the answer.
Otherwise LiteRT's own tables answer, and a remark says that no run has confirmed it.

The tables come from tflite/converter/tools/versioning in google-ai-edge/LiteRT at f674577, reduced
to operations that our graphs can contain. runtime_version.cc says which release first had a version
of an operation; op_version.cc says which version its operand types need. ai-edge-quantizer 0.9
changes the types but not the versions in the file, so the higher of the two counts. Releases have
TensorFlow's numbers. The tables describe TFLite's own kernels; with XNNPACK an older release may
still compute correctly, or not. One that does not: tflite-runtime 2.14 loads a dynamic int8
FULLY_CONNECTED with a scale a channel that says version 5 (it needs 12, which is in 2.17), and its
error is as large as its output.
"""

import functools
from collections.abc import Iterable, Sequence
from pathlib import Path

from slide_mobile.artifact import documents
from slide_mobile_converters.tflite.operations import Op, operands

CONFIRMED = Path(__file__).with_name("confirmed.json")
_NAMED = 4  # operations that one remark lists

# name: (version for int8 operands, 0 if there is none; first release with version 1, 2, 3, ...)
_RELEASES: dict[str, tuple[int, str]] = {
    "ADD": (2, "1.5.0 1.14.0 2.4.0 2.6.0 2.13.0 2.23.0"),
    "AVERAGE_POOL_2D": (2, "1.5.0 1.14.0 2.3.0"),
    "BATCH_MATMUL": (2, "2.3.0 2.3.0 2.4.0 2.5.0"),
    "BROADCAST_TO": (3, "- 2.5.0 2.5.0 2.23.0"),
    "CAST": (3, "1.5.0 2.7.0 2.8.0 2.9.0 2.12.0 2.15.0 2.17.0 2.21.0 2.23.0"),
    "CONCATENATION": (2, "1.5.0 1.14.0 2.3.0 2.14.0 2.21.0 2.23.0 2.23.0"),
    "CONV_2D": (3, "1.5.0 1.14.0 1.14.0 2.3.0 2.4.0 2.9.0 2.11.0 2.15.0"),
    "CUMSUM": (0, "2.4.0"),
    "DEPTHWISE_CONV_2D": (3, "1.5.0 1.12.0 1.14.0 2.2.0 2.3.0 2.3.0 2.11.0"),
    "DEQUANTIZE": (2, "1.13.1 1.14.0 1.15.0 2.2.0 2.7.0 2.18.0 2.21.0 2.22.0 2.23.0"),
    "DIV": (0, "1.6.0 2.3.0"),
    "EXP": (2, "1.7.0 2.12.0"),
    "EXPAND_DIMS": (1, "1.10.0"),
    "FULLY_CONNECTED": (
        4,
        "1.5.0 1.10.0 1.14.0 1.14.0 2.0.0 2.1.0 2.3.0 2.3.0 2.3.0 2.11.0 2.15.0 2.17.0 2.18.0",
    ),
    "GATHER": (2, "1.6.0 1.14.0 1.15.0 2.4.0 2.5.0 2.13.0 2.15.0 2.23.0"),
    "GATHER_ND": (1, "1.14.0 2.3.0 2.5.0 2.13.0 2.16.0 2.23.0"),
    "GELU": (2, "2.9.0 2.9.0 2.23.0"),
    "LOGISTIC": (2, "1.14.0 1.14.0 2.3.0"),
    "MAXIMUM": (2, "1.14.0 1.14.0 2.3.0 2.3.0"),
    "MAX_POOL_2D": (2, "1.5.0 1.14.0 2.3.0"),
    "MEAN": (2, "1.6.0 1.14.0 2.4.0"),
    "MINIMUM": (2, "1.14.0 1.14.0 2.3.0 2.3.0"),
    "MUL": (2, "1.5.0 1.14.0 1.15.0 2.3.0 2.6.0 2.11.0 2.13.0 2.23.0"),
    "NEG": (0, "1.9.0"),
    "PACK": (2, "1.11.0 1.14.0 2.3.0 2.13.0 2.23.0"),
    "PAD": (2, "1.5.0 1.14.0 2.4.0 2.6.0 2.20.0 2.23.0"),
    "PADV2": (2, "1.9.0 1.14.0 2.4.0 2.6.0 2.20.0 2.23.0"),
    "POW": (0, "1.10.0"),
    "QUANTIZE": (1, "1.14.0 1.15.0 2.7.0 2.21.0 2.21.0 2.21.0"),
    "REDUCE_MAX": (2, "1.11.0 1.14.0 2.5.0"),
    "RELU": (2, "1.5.0 2.1.0 2.5.0"),
    "RESHAPE": (1, "1.5.0"),
    "RSQRT": (2, "1.10.0 2.5.0 2.15.0"),
    "SELECT_V2": (1, "2.2.0 2.12.0"),
    "SLICE": (2, "1.14.0 1.14.0 1.14.0 2.4.0 2.5.0 2.14.0 2.21.0 2.23.0"),
    "SOFTMAX": (2, "1.5.0 1.14.0 2.3.0 2.23.0"),
    "SPLIT": (2, "1.5.0 1.14.0 1.14.0 2.3.0 2.23.0"),
    "SPLIT_V": (2, "1.13.1 2.3.0 2.23.0"),
    "SQRT": (2, "1.10.0 2.21.0"),
    "SQUARED_DIFFERENCE": (2, "1.13.1 2.5.0"),
    "SQUEEZE": (1, "1.6.0 2.5.0"),
    "STABLEHLO_COMPOSITE": (1, "2.17.0"),
    "STRIDED_SLICE": (2, "1.6.0 1.14.0 2.1.0 2.2.0 2.5.0 2.6.0 2.14.0 2.14.0"),
    "SUB": (2, "1.6.0 1.14.0 2.3.0 2.4.0 2.4.0"),
    "SUM": (2, "1.10.0 1.15.0"),
    "TANH": (2, "1.14.0 1.14.0 2.3.0"),
    "TILE": (3, "1.10.1 2.2.0 2.8.0"),
    "TRANSPOSE": (2, "1.6.0 1.14.0 1.15.0 2.3.0 2.4.0 2.12.0 2.14.4 2.22.0 2.23.0"),
    "TRANSPOSE_CONV": (2, "1.9.0 2.2.0 2.3.0 2.13.0 2.15.0"),
    "UNPACK": (2, "1.11.0 1.14.0 2.2.0 2.3.0 2.22.0 2.23.0"),
}
# Versions for float activations and int8 weights with one scale a tensor, or one a channel.
_HYBRID = {
    "CONV_2D": (2, 5),
    "DEPTHWISE_CONV_2D": (4, 6),
    "FULLY_CONNECTED": (3, 12),
}


def needed_version(op: Op) -> int | None:
    """The version that the operand types need; None if no version takes them."""
    if op.custom or op.name not in _RELEASES:
        return None
    present = [tensor for tensor in op.inputs if tensor is not None]
    if op.name in _HYBRID:
        activations, weights = operands(op)
        if (activations.dtype, weights.dtype) == ("FLOAT32", "INT8"):
            return _HYBRID[op.name][weights.per_channel]
    if op.name == "DEQUANTIZE" and present[0].per_channel:
        return 5
    if op.name == "QUANTIZE" and op.outputs[0].per_channel:
        return 3
    if op.name == "DEQUANTIZE" and present[0].dtype == "FLOAT16":
        return 3
    if any(tensor.dtype == "INT8" for tensor in present):
        return _RELEASES[op.name][0] or None
    return 1


def min_runtime(ops: Sequence[Op]) -> tuple[str | None, list[str]]:
    """The oldest release that runs these operations, and remarks on how that is known."""
    releases = [set(_confirmed().get(signature(op), ())) for op in ops]
    if together := set.intersection(*releases) if releases else set():
        oldest, *_ = in_order(together)
        return oldest, _failed(oldest, together)
    claimed, remarks = _claimed(ops)
    if claimed is not None:
        untried = {signature(op) for op, tried in zip(ops, releases, strict=True) if not tried}
        remarks.append(_unconfirmed(claimed, sorted(untried)))
    return claimed, remarks


def _failed(oldest: str, together: set[str]) -> list[str]:
    """A remark on newer releases that were tried and failed, if there are any."""
    tried = {release for runs in _confirmed().values() for release in runs}
    ordered = in_order(tried)
    newer = [r for r in ordered[ordered.index(oldest) :] if r not in together]
    return [f"when tried, TFLite {', '.join(newer)} failed or gave wrong results"] if newer else []


def _unconfirmed(claimed: str, untried: Sequence[str]) -> str:
    named = ", ".join(untried[:_NAMED]) or "no release ran all operations of the file"
    more = f" and {len(untried) - _NAMED} more" if len(untried) > _NAMED else ""
    return f"oldest runtime {claimed} is only LiteRT's claim; no run confirmed it: {named}{more}"


def signature(op: Op) -> str:
    """Key of an operation in confirmed.json: name, version, types; * means a scale a channel."""
    entering = (t.dtype + "*" * t.per_channel for t in op.inputs if t is not None)
    return f"{op.name} {op.version} {','.join(dict.fromkeys(entering))}"


def in_order(releases: Iterable[str]) -> list[str]:
    """Releases by number, the oldest first."""
    return sorted(releases, key=lambda release: [int(part) for part in release.split(".")])


@functools.cache
def _confirmed() -> dict[str, tuple[str, ...]]:
    return documents.decode(CONFIRMED.read_bytes(), dict[str, tuple[str, ...]])


def _claimed(ops: Iterable[Op]) -> tuple[str | None, list[str]]:
    """The first release that has every operation in the version it needs, and remarks."""
    releases = ["1.5.0"]
    unknown: set[str] = set()
    stale: set[str] = set()
    for op in ops:
        if op.custom or op.name not in _RELEASES:
            unknown.add(f"{op.name} version {op.version}")
            continue
        needed = needed_version(op)
        known = _RELEASES[op.name][1].split()
        if needed is None:
            unknown.add(f"{op.name} on int8")
        elif not 1 <= (version := max(needed, op.version)) <= len(known):
            unknown.add(f"{op.name} version {version}")
        else:
            releases.append(known[version - 1])
            if needed > op.version:
                stale.add(f"{op.name} has {op.version} and needs {needed}")
    newest = in_order(releases)[-1]
    remarks = []
    if unknown:
        remarks.append(f"oldest runtime unknown, because of {', '.join(sorted(unknown))}")
    if stale:
        remarks.append(
            f"operation versions are too low for their types, so a runtime older than {newest} may "
            f"load the file and give wrong results: {'; '.join(sorted(stale))}"
        )
    return (None if unknown else newest), remarks

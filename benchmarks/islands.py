"""Which operations pay in int8: one model, ever more of its kinds of operation quantised.

    python -m benchmarks.islands [--model M] [--runs 30] [--out benchmarks/results/islands.json]

The deploy form on LiteRT with XNNPACK, static int8. "dense" is what `convert --int8` ships; each
other row adds kinds of operation to it, up to all that ai-edge-quantizer knows (its own default
recipe). Neighbours that are both in int8 hand it on without a conversion. Random weights; SQNR is
against fp32 PyTorch. All files are timed in turn, one thread, medians.
"""

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from ai_edge_litert import schema_py_generated as schema
from ai_edge_quantizer.algorithm_manager import AlgorithmName
from ai_edge_quantizer.qtyping import TFLOperationName as Kind
from ai_edge_quantizer.quantizer import Quantizer
from numpy.typing import NDArray

from benchmarks.lib.arguments import parser
from benchmarks.lib.building import CALIBRATION_IMAGES, drawings, write
from benchmarks.lib.latency import Latency, interleaved
from benchmarks.lib.results import islands
from benchmarks.lib.results.document import environment, save
from benchmarks.lib.results.islands import Island
from slide_mobile import models
from slide_mobile.bench import amx
from slide_mobile.demo.render import CALIBRATION_SEED, GOLDEN_SEED
from slide_mobile.deploy.export import export
from slide_mobile.deploy.forms import chosen
from slide_mobile.deploy.rewriting import deploy
from slide_mobile.parity.metrics import sqnr_db
from slide_mobile.parity.running import run
from slide_mobile.preprocess import IMAGENET, normalize
from slide_mobile.targets import registry
from slide_mobile.tasks import LOGITS
from slide_mobile_converters.tflite.quantization import DenseOp, calibrate, dense_ops

Values = NDArray[np.float32]

TARGET = "tflite"
# Kinds quantised beside the dense operations.
ISLANDS: Mapping[str, tuple[Kind, ...]] = {
    "dense": (),
    "dense, thin ones too": (Kind.FULLY_CONNECTED, Kind.CONV_2D),
    "dense, GELU": (Kind.GELU,),
    "dense, batch matmul": (Kind.BATCH_MATMUL,),
    "dense, depthwise": (Kind.DEPTHWISE_CONV_2D,),
    "dense, depthwise, mul, add": (Kind.DEPTHWISE_CONV_2D, Kind.MUL, Kind.ADD),
    "everything": (Kind.ALL_SUPPORTED,),
}
COMPARED_IMAGES = 4
FLOAT, SHIPPED = "nothing", "dense"


def main() -> None:
    """Quantise every set of kinds, time all, and save."""
    arguments = parser(__doc__, out="islands.json", runs=30)
    arguments.add_argument("--model", default="slide_swin_tiny")
    options = arguments.parse_args()
    amx.renounce()
    with tempfile.TemporaryDirectory() as folder:
        rows = tuple(measure(options.model, Path(folder), runs=options.runs))
    where = environment([TARGET], threads=1, runs=options.runs, model=options.model)
    result = islands.Islands(environment=where, rows=rows)
    save(options.out, result)
    print(islands.table(result))


def measure(name: str, folder: Path, *, runs: int) -> Iterator[Island]:
    """A row for each set of operations in int8, and for none."""
    converter, size = registry.load(TARGET), models.spec(name).input_size
    compared = drawings(GOLDEN_SEED, COMPARED_IMAGES, size)
    with torch.no_grad():
        expected = models.create(name)(torch.from_numpy(normalize(compared, IMAGENET))).numpy()
    paths = files(name, folder)
    runners = {island: converter.runner(path, threads=1) for island, path in paths.items()}
    found = {island: run(r, compared, "classify")[LOGITS] for island, r in runners.items()}
    calls = {island: r.bind(compared[0]) for island, r in runners.items() if r.bind is not None}
    times = interleaved(calls, runs=runs)
    for island, path in paths.items():
        graph, latency = converter.inspect(path), times[island]
        yield Island(
            int8=island,
            p50_ms=latency.p50_ms,
            p90_ms=latency.p90_ms,
            valid=latency.valid,
            to_dense=_over(latency, times[SHIPPED]),
            sqnr_db=round(sqnr_db(expected, found[island]), 1),
            partitions=graph.partitions,
            int8_mac_fraction=round(graph.int8_mac_fraction, 3),
        )


def _over(latency: Latency, other: Latency) -> float:
    """One median over another."""
    return round(latency.p50_ms / other.p50_ms, 3)


def files(name: str, folder: Path) -> dict[str, Path]:
    """The deploy form in float, and with each set of kinds in int8, as files."""
    spec = models.spec(name)
    deployed = deploy(models.create(name), forms=chosen(TARGET, "xnnpack", "int8"))
    paths = {island: folder / f"{i}.tflite" for i, island in enumerate((FLOAT, *ISLANDS))}
    write(
        export(deployed, spec.input_size, registry.load(TARGET).LAYOUT),
        paths[FLOAT],
        target=TARGET,
        precision="fp32",
        title=name,
        channels=spec.num_classes,
        calibration=(),
    )
    images = drawings(CALIBRATION_SEED, CALIBRATION_IMAGES, spec.input_size)
    inputs = [image[None].astype(np.float32) for image in images]
    for island, kinds in ISLANDS.items():
        paths[island].write_bytes(quantized(paths[FLOAT].read_bytes(), kinds, inputs))
    return paths


def quantized(model: bytes, kinds: tuple[Kind, ...], inputs: Sequence[Values]) -> bytes:
    """The file with its dense operations, and all of these kinds, in static int8."""
    quantizer = Quantizer(model)
    dense = list(dense_ops(model))
    for op in dense:
        quantizer.add_static_config(f"^{re.escape(op.output)};?$", op.kind, 8, 8)
    for kind in kinds:
        quantizer.add_static_config(".*", kind, 8, 8)
    if Kind.ALL_SUPPORTED in kinds:
        for end in (Kind.INPUT, Kind.OUTPUT):  # these stay as the apps feed and read them
            quantizer.update_quantization_recipe(".*", end, algorithm_key=AlgorithmName.NO_QUANTIZE)
    ranges = calibrate(model, [*dense, *of_kinds(model, kinds)], inputs)
    found = quantizer.quantize(ranges, enable_progress_bar=False, enable_progress_report=False)
    assert found.quantized_model is not None
    return bytes(found.quantized_model)


def of_kinds(model: bytes, kinds: tuple[Kind, ...]) -> Iterator[DenseOp]:
    """Operations of these kinds, once for each float tensor that they read."""
    parsed = schema.ModelT.InitFromPackedBuf(model, 0)
    (subgraph,) = parsed.subgraphs
    names = {code: name for name, code in vars(schema.BuiltinOperator).items() if name[0] != "_"}
    for op in subgraph.operators:
        name = names[parsed.operatorCodes[op.opcodeIndex].builtinCode]
        kind = Kind.__members__.get(name)
        if kind is None or not {kind, Kind.ALL_SUPPORTED} & set(kinds):
            continue
        (output,) = (subgraph.tensors[number] for number in op.outputs)
        for number in op.inputs:
            tensor = subgraph.tensors[number]
            constant = parsed.buffers[tensor.buffer].data is not None
            if not constant and tensor.type == schema.TensorType.FLOAT32:
                yield DenseOp(
                    kind=kind,
                    input=tensor.name.decode(),
                    output=output.name.decode(),
                    module=None,
                )


if __name__ == "__main__":
    main()

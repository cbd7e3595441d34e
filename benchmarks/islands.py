"""Which operations pay in int8: one model, ever more of its kinds of operation quantised.

    python -m benchmarks.islands [--model M] [--runs 30] [--out benchmarks/results/islands.json]

The deploy form on LiteRT with XNNPACK, static int8. "dense" is what `convert --int8` ships; each
other row adds kinds of operation to it, up to all that ai-edge-quantizer knows (its own default
recipe). Neighbours that are both in int8 hand it on without a conversion. Random weights; SQNR is
against fp32 PyTorch; all files in turn, one thread, medians.
"""

import argparse
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import qtyping
from ai_edge_quantizer.algorithm_manager import AlgorithmName
from ai_edge_quantizer.quantizer import Quantizer
from numpy.typing import NDArray
from rich.console import Console

from benchmarks.latency import interleaved
from benchmarks.whole import environment, save
from slide_mobile import models
from slide_mobile.bench.host import renounce_tiles
from slide_mobile.demo.render import CALIBRATION_SEED, GOLDEN_SEED, render_many
from slide_mobile.deploy.export import export
from slide_mobile.deploy.forms import chosen
from slide_mobile.deploy.rewriting import deploy
from slide_mobile.parity.metrics import sqnr_db
from slide_mobile.preprocess import IMAGENET, normalize
from slide_mobile_converters.tflite import graph, lower
from slide_mobile_converters.tflite.quantization import DenseOp, calibrate, dense_ops

Kind = qtyping.TFLOperationName

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
CALIBRATION_IMAGES, COMPARED_IMAGES = 8, 4
FLOAT = "nothing"

Input = NDArray[np.float32]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", default="slide_swin_tiny")
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/islands.json"))
    options = parser.parse_args()
    renounce_tiles()
    rows = list(measure(options.model, runs=options.runs))
    for row in rows:
        Console(width=130).print(*row.values())
    where = environment(["tflite"], threads=1, runs=options.runs, model=options.model)
    save(options.out, environment=where, rows=rows)


def measure(name: str, *, runs: int) -> Iterator[dict[str, Any]]:
    """A row for each set of operations in int8, and for none."""
    spec = models.spec(name)
    reference = models.create(name).requires_grad_(False)
    calibration, _ = render_many(CALIBRATION_SEED, CALIBRATION_IMAGES, spec.input_size[0])
    compared, _ = render_many(GOLDEN_SEED, COMPARED_IMAGES, spec.input_size[0])
    with torch.no_grad():
        expected = reference(torch.from_numpy(normalize(compared, IMAGENET))).numpy()
    form = deploy(reference, forms=chosen("tflite", "xnnpack", "int8"))
    lowered = lower(export(form, spec.input_size, "NHWC"))
    inputs = [image[None].astype(np.float32) for image in calibration]
    files = {FLOAT: lowered}
    files |= {island: quantized(lowered, kinds, inputs) for island, kinds in ISLANDS.items()}
    interpreters, facts = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for number, (island, content) in enumerate(files.items()):
            path = Path(folder, f"{number}.tflite")
            path.write_bytes(content)
            facts[island] = graph.inspect(path)
            interpreters[island] = graph.load(path, threads=1)
        outputs = {
            island: np.stack([_run(interpreter, image) for image in compared])
            for island, interpreter in interpreters.items()
        }
        times = interleaved({name: i.invoke for name, i in interpreters.items()}, runs=runs)
    for island, latency in times.items():
        yield {
            "int8": island,
            "p50_ms": latency.p50_ms,
            "p90_ms": latency.p90_ms,
            "valid": latency.valid,
            "to_dense": round(latency.p50_ms / times["dense"].p50_ms, 3),
            "sqnr_db": round(sqnr_db(expected, outputs[island]), 1),
            "partitions": facts[island].partitions,
            "int8_mac_fraction": round(facts[island].int8_mac_fraction, 3),
        }


def quantized(model: bytes, kinds: tuple[Kind, ...], inputs: list[Input]) -> bytes:
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


def _run(interpreter: Interpreter, image: NDArray[np.uint8]) -> NDArray[np.float32]:
    (taken,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.set_tensor(taken["index"], image[None].astype(np.float32))
    interpreter.invoke()
    logits: NDArray[np.float32] = interpreter.get_tensor(given["index"])[0].copy()
    return logits


if __name__ == "__main__":
    main()

"""The Core ML delegate: an .mlpackage inside the .pte, which only Apple's systems can run.

On other systems the package is extracted and evaluated by mil_evaluator. That estimates the error
of a device, which may be larger or smaller. executorch 1.4 gives the package and its items random
names and adds a megabyte of debug information; both are removed before the file is written. Run
the functions that read inside `reading.artifact_errors`.
"""

import hashlib
import json
import tempfile
import uuid
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from executorch.exir import to_edge_transform_and_lower
from executorch.exir._serialize._program import PTEFile, deserialize_pte_binary
from executorch.exir.schema import BackendDelegateInlineData
from numpy.typing import NDArray
from torch.export import ExportedProgram

from slide_mobile.recipes import Recipe
from slide_mobile.targets.quiet import quiet
from slide_mobile_converters.executorch import coreml_folder, reading
from slide_mobile_converters.executorch.metadata import Constants

_DEBUGGING = ("debug_info.json", "executorch_debug_handle_mapping.json")
_DATE = "com.github.apple.coremltools.conversion_date"
_PACKAGE = Path("lowered_module", "model.mlpackage")
_WEIGHTED = {"conv", "linear"}

with quiet():
    import coremltools
    from executorch.backends.apple.coreml import executorchcoreml
    from executorch.backends.apple.coreml.compiler import CoreMLBackend
    from executorch.backends.apple.coreml.partition import CoreMLPartitioner

    import mil_evaluator

EVALUATED = mil_evaluator.EVALUATED


def lower(program: ExportedProgram, recipe: Recipe, constants: Constants) -> bytes:
    """The bytes of a .pte with as much as possible in Core ML delegates, for iOS 17."""
    half = recipe.weights == "float16"
    specs = CoreMLBackend.generate_compile_specs(
        compute_precision=getattr(coremltools.precision, "FLOAT16" if half else "FLOAT32"),
        minimum_deployment_target=coremltools.target.iOS17,
    )
    # coremltools numbers constants with a counter of the process, which others have increased.
    coremltools.converters.mil.Builder.name_count.clear()
    edge = to_edge_transform_and_lower(
        program,
        partitioner=[CoreMLPartitioner(compile_specs=specs)],
        constant_methods=constants,
    )
    file = deserialize_pte_binary(bytes(edge.to_executorch().buffer))
    data = file.program.backend_delegate_data
    for delegate in reading.method(file).delegates:
        tidied = _reproducible(reading.blob(file, delegate))
        data[delegate.processed.index] = BackendDelegateInlineData(data=tidied)
    return reading.write(file)


def outputs(program: mil_evaluator.Program, image: torch.Tensor) -> list[NDArray[Any]]:
    """All outputs for one input; each operation's result is rounded to its declared type."""
    values = _run(program, image, ())
    return [values[name] for name in program.outputs]


def activations(
    file: PTEFile, names: Sequence[str], image: torch.Tensor
) -> dict[str, NDArray[np.float32]]:
    """Outputs of convolutions and linears by module path, channels last."""
    program = mil(file)
    ops = [op for op in program.operations if op.type in _WEIGHTED]
    if len(ops) != len(names):
        raise ValueError(f"{len(ops)} convolutions and linears, {len(names)} names")
    wanted = {path: op for path, op in zip(names, ops, strict=True) if path}
    values = _run(program, image, {op.outputs[0] for op in wanted.values()})
    return {path: _channels_last(values[op.outputs[0]], op.type) for path, op in wanted.items()}


def mil(file: PTEFile) -> mil_evaluator.Program:
    """The MIL program in a .pte whose only delegate is Core ML's."""
    (delegate,) = reading.method(file).delegates
    with tempfile.TemporaryDirectory() as parent, quiet():
        root = _unpacked(reading.blob(file, delegate), Path(parent))
        return mil_evaluator.load(root / _PACKAGE.name)


def _run(
    program: mil_evaluator.Program, image: torch.Tensor, keep: Collection[str]
) -> dict[str, NDArray[Any]]:
    (declared,) = program.inputs
    given = {declared.name: image.float().numpy()}
    return program.run(given, precision=program.declared_precision, keep=keep)


def _channels_last(x: NDArray[Any], kind: str) -> NDArray[np.float32]:
    """(1, C, H, W) of a convolution -> (1, H, W, C); the output of a linear is so already."""
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1) if kind == "conv" else x, np.float32)


def _unpacked(content: bytes, parent: Path) -> Path:
    """Write the folder inside a delegate's bytes, and return its root; raises as `files` does."""
    for path, held in coreml_folder.files(content).items():
        written = parent / path
        written.parent.mkdir(parents=True, exist_ok=True)
        written.write_bytes(held)
    return parent / _PACKAGE.parent


def _reproducible(content: bytes) -> bytes:
    """The same package, with names derived from its content, without debug information."""
    with tempfile.TemporaryDirectory() as parent:
        root = _unpacked(content, Path(parent))
        for name in _DEBUGGING:
            for found in root.rglob(name):
                found.unlink()
        _rename(root)
        flat = executorchcoreml.flatten_directory_contents(str(root.resolve()))
    assert flat is not None
    return bytes(flat)


def _rename(root: Path) -> None:
    """Replace random names by hashes of the content, and drop the date, in place."""
    package = root / _PACKAGE.name
    model = package / "Data" / "com.apple.CoreML" / "model.mlmodel"
    spec = coremltools.proto.Model_pb2.Model()
    spec.ParseFromString(model.read_bytes())
    spec.description.metadata.userDefined.pop(_DATE, None)
    model.write_bytes(spec.SerializeToString(deterministic=True))
    content = hashlib.sha256(b"".join(p.read_bytes() for p in sorted(model.parent.rglob("*.*"))))
    manifest = package / "Manifest.json"
    plain = json.loads(manifest.read_text())
    names = {
        old: str(uuid.uuid5(uuid.NAMESPACE_OID, content.hexdigest() + item["path"])).upper()
        for old, item in plain["itemInfoEntries"].items()
    }
    entries = {names[old]: item for old, item in plain["itemInfoEntries"].items()}
    plain["itemInfoEntries"] = dict(sorted(entries.items()))
    plain["rootModelIdentifier"] = names[plain["rootModelIdentifier"]]
    manifest.write_text(json.dumps(plain, indent=4))
    # The runtime caches compiled models by this name, so each model needs its own.
    metadata = root / "metadata.json"
    facts = {**json.loads(metadata.read_text()), "identifier": f"executorch_{content.hexdigest()}"}
    metadata.write_text(json.dumps(facts))

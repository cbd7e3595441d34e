"""Reading a .mlpackage or a .mlmodel from disk: its description, and its program as MIL."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coremltools import proto
from coremltools.converters.mil.frontend.milproto.load import load as load_milproto
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from mil_evaluator.errors import UnsupportedProgram

# What coremltools' reader raises on damaged or unusual programs, depending on where it trips.
_READER_FAILURES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
_COLOR_LAYOUTS = ("INVALID", "GRAYSCALE", "RGB", "BGR", "GRAYSCALE_FLOAT16")


@dataclass(frozen=True, kw_only=True)
class Package:
    """What the files hold: one MIL function, and the description of its inputs."""

    specification_version: int
    function: Any  # coremltools.converters.mil.mil.Function
    color_layouts: dict[str, str]  # of the inputs that are images


def read(path: Path, known: Iterable[str]) -> Package:
    """The program of a package or specification on disk, weights included.

    Raises UnsupportedProgram unless it is an ML program whose operation types are all `known`.
    """
    model = _model_file(path)
    spec = _specification(model)
    if (kind := spec.WhichOneof("Type")) != "mlProgram":
        raise UnsupportedProgram(
            f"{path} holds {f'a Core ML {kind}' if kind else 'no model'}, not an ML program; "
            "convert the model with minimum_deployment_target iOS15 or newer"
        )
    name = spec.description.defaultFunctionName or "main"
    if name not in spec.mlProgram.functions:
        raise UnsupportedProgram(f"{path} has no function named {name!r}; it is damaged")
    found = set(_operation_types(spec.mlProgram.functions[name]))
    if unknown := sorted(found - {"const", *known}):
        raise UnsupportedProgram(
            f"{path} has operation types that cannot be evaluated: {', '.join(unknown)}"
        )
    return Package(
        specification_version=spec.specificationVersion,
        function=_function(path, model, spec, name),
        color_layouts={
            feature.name: _COLOR_LAYOUTS[feature.type.imageType.colorSpace // 10]
            for feature in spec.description.input
            if feature.type.WhichOneof("Type") == "imageType"
        },
    )


def _model_file(path: Path) -> Path:
    """The specification's file: the path itself, or what a package's manifest calls its root."""
    if path.is_file():
        return path
    if not path.is_dir():
        raise UnsupportedProgram(f"{path} does not exist; give a .mlpackage or a .mlmodel")
    try:
        manifest = json.loads((path / "Manifest.json").read_bytes())
        item = manifest["itemInfoEntries"][manifest["rootModelIdentifier"]]
        model = path / "Data" / item["path"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UnsupportedProgram(f"{path} is not a Core ML package: {_line(error)}") from error
    if not model.is_file():
        raise UnsupportedProgram(f"{path} lacks {item['path']}; copy the whole package again")
    return model


def _specification(model: Path) -> Any:
    spec = proto.Model_pb2.Model()
    try:
        spec.ParseFromString(model.read_bytes())
    except DecodeError as error:
        raise UnsupportedProgram(f"{model} is not a Core ML specification, or damaged") from error
    return spec


def _function(path: Path, model: Path, spec: Any, name: str) -> Any:
    """The MIL function, with its weights: the program names them relative to the model's file."""
    weights = model.parent / "weights"
    for file in sorted(set(_weight_files(spec.mlProgram.functions[name]))):
        if not (weights / file).is_file():
            raise UnsupportedProgram(f"{path} lacks weights/{file}; copy the whole package again")
    try:
        program = load_milproto(spec, spec.specificationVersion, str(weights))
    except _READER_FAILURES as error:
        raise UnsupportedProgram(f"{path} cannot be read: {_line(error)}") from error
    return program.functions[name]


def _blocks(function: Any) -> Iterator[Any]:
    """Every block of a function, those inside control flow included."""
    waiting = list(function.block_specializations.values())
    while waiting:
        block = waiting.pop()
        yield block
        waiting.extend(inner for operation in block.operations for inner in operation.blocks)


def _operation_types(function: Any) -> Iterator[str]:
    return (operation.type for block in _blocks(function) for operation in block.operations)


def _weight_files(function: Any) -> Iterator[str]:
    for block in _blocks(function):
        for operation in block.operations:
            values = list(operation.attributes.values())
            for argument in operation.inputs.values():
                values += [binding.value for binding in argument.arguments]
            for value in values:
                if value.WhichOneof("value") == "blobFileValue":
                    yield value.blobFileValue.fileName.split("/")[-1]


def _line(error: BaseException) -> str:
    """The first line of what an error says, with its kind where it says nothing."""
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__

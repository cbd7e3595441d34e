"""Read a .mlpackage or a .mlmodel from disk: its description, and its program as MIL."""

import contextlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from coremltools import proto
from coremltools.converters.mil.frontend.milproto.load import load as load_milproto
from coremltools.converters.mil.mil import Operation, types
from coremltools.converters.mil.mil.types.symbolic import is_symbolic
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from mil_evaluator.errors import FAILURES, UnsupportedProgram, first_line

# 1 GiB of float32, 80 times the largest tensor of slide_swin_base at 224 pixels. A few bytes in a
# malicious file can ask for a tensor of any size, so larger ones are refused.
MAX_ELEMENTS = 1 << 28
_COLOR_LAYOUTS = {0: "INVALID", 10: "GRAYSCALE", 20: "RGB", 30: "BGR", 40: "GRAYSCALE_FLOAT16"}


@dataclass(frozen=True, kw_only=True)
class Package:
    """The contents of a package: one MIL function, and the description of its inputs."""

    specification_version: int
    function: Any  # coremltools.converters.mil.mil.Function
    color_layouts: dict[str, str]  # by name, for the inputs that are images


def read(path: Path, known: Iterable[str]) -> Package:
    """Read the program of a package or specification on disk, with its weights.

    Raises UnsupportedProgram unless it is an ML program whose operation types are all `known`.
    """
    model = _model_file(path)
    spec = _parsed(model)
    if (kind := spec.WhichOneof("Type")) != "mlProgram":
        held = f"a Core ML {kind} instead of an ML program" if kind else "no model"
        raise UnsupportedProgram(
            f"{path} has {held}; convert the model with minimum_deployment_target iOS15 or newer"
        )
    name = spec.description.defaultFunctionName or "main"
    if name not in spec.mlProgram.functions:
        raise UnsupportedProgram(f"{path} has no function named {name!r}; it is damaged")
    used = set(_operation_types(spec.mlProgram.functions[name]))
    if unknown := sorted(used - {"const", *known}):
        raise UnsupportedProgram(
            f"{path} has operation types that cannot be evaluated: {', '.join(unknown)}"
        )
    return Package(
        specification_version=spec.specificationVersion,
        function=_function(path, model, spec, name),
        color_layouts={
            feature.name: _color_layout(path, feature)
            for feature in spec.description.input
            if feature.type.WhichOneof("Type") == "imageType"
        },
    )


def specification(path: Path) -> Any:
    """Return the specification of a package as protobuf; `load` evaluates the same one.

    Raises UnsupportedProgram if there is none, or if it is damaged. Does not write to disk.
    """
    return _parsed(_model_file(path))


def _model_file(path: Path) -> Path:
    """Return the path of the specification: the path itself, or the root of a package.

    Only files inside the package are evaluated: raises UnsupportedProgram if the root is outside
    the package's Data folder, or if the package has symbolic links.
    """
    if path.is_file():
        return path
    if not path.is_dir():
        raise UnsupportedProgram(f"{path} does not exist; give a .mlpackage or a .mlmodel")
    try:
        manifest = json.loads((path / "Manifest.json").read_bytes())
        item = manifest["itemInfoEntries"][manifest["rootModelIdentifier"]]
        model = path / "Data" / item["path"]
        inside = model.resolve().is_relative_to((path / "Data").resolve())
    except FAILURES as error:
        reason = first_line(error)
        raise UnsupportedProgram(f"{path} is not a Core ML package: {reason}") from error
    if links := sorted(file for file in path.rglob("*") if file.is_symlink()):
        raise UnsupportedProgram(
            f"{path} has a symbolic link, {links[0].relative_to(path)}; replace it with the file"
        )
    if not inside:
        raise UnsupportedProgram(
            f"{path} refers to a model outside its Data folder: {item['path']}"
        )
    if not model.is_file():
        raise UnsupportedProgram(f"{path} has no {item['path']}; copy the whole package again")
    return model


def _parsed(model: Path) -> Any:
    """Parse the protobuf of a specification; raises UnsupportedProgram."""
    spec = proto.Model_pb2.Model()
    try:
        spec.ParseFromString(model.read_bytes())
    except DecodeError as error:
        raise UnsupportedProgram(
            f"{model} is not a Core ML specification, or it is damaged"
        ) from error
    except OSError as error:
        raise UnsupportedProgram(f"{model} cannot be read: {error.strerror}") from error
    return spec


def _color_layout(path: Path, feature: Any) -> str:
    """Return the color layout of an image input; raises UnsupportedProgram for an unknown one."""
    space = feature.type.imageType.colorSpace
    if space not in _COLOR_LAYOUTS:
        raise UnsupportedProgram(f"{path} has an image with an unknown color space, {space}")
    return _COLOR_LAYOUTS[space]


def _function(path: Path, model: Path, spec: Any, name: str) -> Any:
    """Load the MIL function with its weights, which lie next to the specification."""
    weights = model.parent / "weights"
    for file in sorted(set(_weight_files(spec.mlProgram.functions[name]))):
        if not (weights / file).is_file():
            raise UnsupportedProgram(f"{path} has no weights/{file}; copy the whole package again")
    try:
        with _bounded():
            program = load_milproto(spec, spec.specificationVersion, str(weights))
    except FAILURES as error:
        raise UnsupportedProgram(f"{path} cannot be read: {first_line(error)}") from error
    return program.functions[name]


@contextlib.contextmanager
def _bounded() -> Iterator[None]:
    """Make coremltools raise ValueError for an operation whose result is too large.

    While coremltools reads a program, it computes operations on constants, and only afterwards
    compares the results with the declared shapes. `_auto_val` (coremltools 9.0, mil/operation.py)
    is called when the result types are known and the values are not; there is no other hook.
    """
    compute = Operation._auto_val

    def compute_if_bounded(operation: Any, output_types: Sequence[Any]) -> Any:
        for output in output_types:
            if types.is_tensor(output):
                refuse_absurd(operation.name, output.get_shape())
        return compute(operation, output_types)

    Operation._auto_val = compute_if_bounded
    try:
        yield
    finally:
        Operation._auto_val = compute


def refuse_absurd(name: str, shape: Iterable[Any]) -> None:
    """Raise ValueError for a shape with more than MAX_ELEMENTS; unknown lengths count as 1."""
    known = [int(length) for length in shape if length is not None and not is_symbolic(length)]
    if prod(known) > MAX_ELEMENTS:
        raise ValueError(f"{name!r} claims the shape {known}")


def _blocks(function: Any) -> Iterator[Any]:
    """Yield every block of a function, including blocks inside control flow."""
    waiting = list(function.block_specializations.values())
    while waiting:
        block = waiting.pop()
        yield block
        waiting.extend(inner for operation in block.operations for inner in operation.blocks)


def _operation_types(function: Any) -> Iterator[str]:
    """Yield the type of every operation of a function."""
    return (operation.type for block in _blocks(function) for operation in block.operations)


def _weight_files(function: Any) -> Iterator[str]:
    """Yield the names of the weight files that a function refers to."""
    for block in _blocks(function):
        for operation in block.operations:
            values = list(operation.attributes.values())
            for argument in operation.inputs.values():
                values += [binding.value for binding in argument.arguments]
            for value in values:
                if value.WhichOneof("value") == "blobFileValue":
                    yield value.blobFileValue.fileName.split("/")[-1]

"""Read an .aimodel that may be foreign or damaged; every reader raises ArtifactError in one line.

A program is accepted if it is one graph of tensors with fixed sizes, none of them absurd, without
control flow and custom kernels. Apple's parser trusts its file, so it runs in a child process where
the file may be hostile.
"""

import contextlib
import hashlib
import json
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

from coreai.authoring import AIModelAsset

from slide_mobile.errors import ArtifactError
from slide_mobile.isolation import files
from slide_mobile.targets.quiet import quiet
from slide_mobile_converters.coreai import operations
from slide_mobile_converters.coreai.asset import CUSTOM, FILES, HASH, METADATA, PROGRAM
from slide_mobile_converters.coreai.metadata import MODULES
from slide_mobile_converters.coreai.operations import Operation

# A GiB of float32: 80 times the largest tensor of slide_swin_base at 224 pixels. A few bytes in a
# file can ask for any size, so a file that asks for more is refused.
MAX_ELEMENTS = 1 << 28


def asset(path: Path) -> AIModelAsset:
    """The asset, whose files are those that a converter writes, and whose program has its hash."""
    with readable(path):
        found = {file.name for file in path.iterdir()}
        if found != set(FILES):
            raise ValueError(f"it should contain {', '.join(FILES)}, and contains {sorted(found)}")
        for name in FILES:
            with files.opened(path / name, most=files.MOST_MODEL_BYTES):
                pass
        digest = files.sha256(path / PROGRAM, most=files.MOST_MODEL_BYTES)
        if files.read(path / HASH, most=hashlib.sha256().digest_size) != bytes.fromhex(digest):
            raise ValueError(f"{PROGRAM} does not have the sha256 in {HASH}")
        return AIModelAsset.load(path)


def program(path: Path) -> Any:
    """The program, which `operations.read` can read."""
    with readable(path), quiet():
        found = asset(path).program
        _require_plain(found)
        return found


def read(path: Path) -> tuple[Operation, ...]:
    """The operations of the program."""
    with readable(path):
        return operations.read(program(path))


def modules(path: Path) -> dict[int, str]:
    """Module paths by the index of the operation whose result is the module's output.

    Raises ArtifactError for an asset that slide-mobile did not write, too.
    """
    with readable(path):
        asset(path)  # refuses what is not a converter's
        told = json.loads(files.read(path / METADATA, most=files.MOST_MODEL_BYTES))
        table = told.get(CUSTOM, {}).get(MODULES)
        if not isinstance(table, dict) or not all(isinstance(p, str) for p in table.values()):
            raise ValueError("it does not name its modules")
        return {int(index): name for index, name in table.items()}


@contextlib.contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn the errors of reading or running a foreign or damaged asset into an ArtifactError."""
    try:
        yield
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror}") from error
    except (RuntimeError, ValueError, TypeError, AttributeError, KeyError, IndexError) as error:
        reason = " ".join(str(error).split())[:200] or "no reason given"
        raise ArtifactError(
            f"{path} is damaged, or is not a Core AI asset: {reason}; convert the model again"
        ) from error


def _require_plain(program: Any) -> None:
    """Raise ValueError for what would run for ever, or would need absurd memory."""
    graphs = operations.graphs(program)
    if [graph.name for graph in graphs] != ["coreai.graph"]:
        raise ValueError(f"it should have one graph, and has {len(graphs)} parts")
    if any(list(operation.regions) for operation in operations.raw(program)):
        raise ValueError("it has control flow, which slide-mobile does not run")
    for operation in operations.read(program):
        for tensor in operation.outputs:
            if -1 in tensor.shape or prod(tensor.shape) > MAX_ELEMENTS:
                raise ValueError(f"a tensor claims the shape {list(tensor.shape)}")

"""Writes tests/models/checkpoint/keys: the keys and shapes of each library's checkpoints.

    python -m tools.foreign_checkpoints.key_lists

With these lists the fast tests hold the namings, without the libraries. Buffers are in them, too.
"""

import tempfile
from pathlib import Path

import safetensors.torch
import torch

from tools.foreign_checkpoints import libraries

FOLDER = Path(__file__).parents[2] / "tests/models/checkpoint/keys"


def main() -> None:
    """Let every library write its checkpoints, some minutes, and list what is in them."""
    FOLDER.mkdir(exist_ok=True)
    for library in libraries.PINS:
        with tempfile.TemporaryDirectory() as scratch:
            libraries.make(library, Path(scratch))
            write(library, Path(scratch))


def write(library: str, made: Path) -> None:
    """List the checkpoints that a library has made in a folder."""
    for path in sorted(made.glob("*")):
        if path.name.endswith(".outputs.safetensors") or not path.is_file():
            continue
        state = safetensors.torch.load_file(path) if path.suffix != ".pth" else torch.load(path)
        lines = (f"{key} {'x'.join(map(str, value.shape))}\n" for key, value in state.items())
        (FOLDER / f"{library}-{path.stem}.txt").write_text("".join(lines))


if __name__ == "__main__":
    main()

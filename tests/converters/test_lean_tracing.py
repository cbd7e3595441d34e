"""Files that are traced without bookkeeping are the files that are traced with it."""

import subprocess
import sys
from pathlib import Path

import pytest
from installed import TARGETS

# In a process of its own: the tests' own process traces without bookkeeping (conftest.py).
SCRIPT = """
import contextlib, sys
from pathlib import Path

import torch
from torch import nn

from slide_mobile import recipes
from slide_mobile.deploy.export import export
from slide_mobile.targets import registry
from slide_mobile.targets.converter import Request
from slide_mobile.targets.tracing import lean_tracing

target, folder = sys.argv[1], Path(sys.argv[2])
torch.manual_seed(0)
network = nn.Sequential(
    nn.Conv2d(3, 32, 4, 4), nn.ReLU(), nn.Conv2d(32, 32, 1), nn.Flatten(1), nn.Linear(128, 3),
).eval()
converter = registry.load(target, to_write=True)
for name, tracing in (("usual", contextlib.nullcontext), ("lean", lean_tracing)):
    path = folder / name / f"model{converter.SUFFIX}"
    path.parent.mkdir()
    request = Request(
        recipe=recipes.lookup("fp32"), backend=next(iter(converter.BACKENDS)),
        via=next(iter(converter.EXPORTERS)), labels=("a", "b", "c"), title="small",
        description="", version="1", facts={},
    )
    with tracing():
        converter.convert(export(network, (8, 8), converter.LAYOUT), request, path)
    if target == "tflite":  # or the second file would be the first one, which is kept
        from slide_mobile_converters.tflite import lowering
        lowering._lowered.clear()
"""


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_the_bytes_are_the_same(target: str, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", SCRIPT, target, str(tmp_path)], check=True, timeout=600)
    usual, lean = (files(tmp_path / name) for name in ("usual", "lean"))
    assert usual and usual == lean


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}

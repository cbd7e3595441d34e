"""What the tests share: models whose every parameter is random, and converted artifacts."""

import os
from collections.abc import Callable

# Before torch is imported: its threads wait in a loop, and where other processes run they take
# turns at waiting. A test then needs ten times as long.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Workers of pytest-xdist have COLUMNS=80, and commands would wrap what they print.
os.environ.pop("COLUMNS", None)

import pytest
import torch
from converted_once import ConvertedOnce
from torch import nn

from slide_mobile.isolation import calling
from slide_mobile.isolation.calling import in_this_process
from slide_mobile.targets.tracing import lean_tracing

# What calls a converter itself is traced as `convert` does it.
_lean = lean_tracing()
_lean.__enter__()

# What reads foreign files is called in this process, where fakes are.
_here = in_this_process()
_here.__enter__()


@pytest.fixture(autouse=True)
def isolation(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Call it in child processes, as users do, where a test has the mark `isolated`."""
    if "isolated" in request.keywords:
        monkeypatch.setattr(calling, "_in_child", False)


@pytest.fixture
def randomised() -> Callable[[nn.Module], nn.Module]:
    """Move every parameter away from its default: ones and zeros make wrong folds look right."""

    def randomise(module: nn.Module, seed: int = 0) -> nn.Module:
        draw = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in module.parameters():
                spread = 0.3 if parameter.ndim == 1 else 0.1
                parameter.add_(torch.randn(parameter.shape, generator=draw) * spread)
        return module.eval().requires_grad_(False)

    return randomise


@pytest.fixture(scope="session")
def converted(tmp_path_factory: pytest.TempPathFactory) -> ConvertedOnce:
    """Artifacts of untrained models, shared by all tests of a run: copy one before you edit it."""
    own = tmp_path_factory.getbasetemp()
    # Side by side, a worker's own folder is inside that of the run.
    run = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    return ConvertedOnce(run / "converted")

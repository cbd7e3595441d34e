"""Tracing without bookkeeping: the same graph, and every setting is restored."""

import gc

import pytest
import torch
import torch._export.utils as export_utils
import torch.fx.config
from torch import Tensor, nn
from torch.fx.traceback import NodeSource

from slide_mobile.targets.tracing import lean_tracing

pytestmark = pytest.mark.usefixtures("usual")


@pytest.fixture
def usual(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch's own settings: the other tests run in `lean_tracing`."""
    monkeypatch.setattr(torch.fx.config, "do_not_emit_stack_traces", False)
    monkeypatch.delattr(NodeSource, "__deepcopy__")


class Block(nn.Module):
    """A network with an operator that is decomposed, and one that is not."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.LayerNorm(6)

    def forward(self, image: Tensor) -> Tensor:
        """(1, 3, 8, 8) -> (1, 4, 6, 6)."""
        found: Tensor = self.norm(nn.functional.gelu(self.conv(image)))
        return found


def lowered() -> torch.export.ExportedProgram:
    """A program that was traced four times."""
    torch.manual_seed(0)
    program = torch.export.export(Block().eval(), (torch.zeros(1, 3, 8, 8),))
    for _ in range(3):
        program = program.run_decompositions()
    return program


def settings() -> tuple[object, ...]:
    return (
        torch.fx.config.do_not_emit_stack_traces,
        vars(NodeSource).get("__deepcopy__"),
        export_utils._materialize_cpp_cia_ops,
        gc.get_threshold(),
    )


def test_the_graph_is_the_same() -> None:
    usual = lowered()
    with lean_tracing():
        lean = lowered()
    assert str(lean.graph) == str(usual.graph)
    image = torch.rand(1, 3, 8, 8)
    assert torch.equal(lean.module()(image), usual.module()(image))


def test_no_stack_trace_is_taken_and_no_origin_is_copied() -> None:
    with lean_tracing():
        nodes = [node for node in lowered().graph.nodes if node.op == "call_function"]
    assert nodes and not any(node.meta.get("stack_trace") for node in nodes)
    assert any(node.meta["from_node"] for node in nodes)  # modules are still known by name


def test_operators_that_come_later_are_found() -> None:
    with lean_tracing():
        lowered()
        with torch.library._scoped_library("lean_tracing_test", "DEF") as library:
            library.define("twice(Tensor x) -> Tensor")
            library.impl("twice", lambda x: x + x, "CompositeImplicitAutograd")
            found = export_utils._collect_all_valid_cia_ops()
            assert torch.ops.lean_tracing_test.twice.default in found


def test_settings_are_restored_after_an_exception() -> None:
    before = settings()
    with pytest.raises(ValueError, match="passes"), lean_tracing():
        assert settings() != before
        raise ValueError("passes")
    assert settings() == before

"""One lowering for files that begin with the same program, and another one for any other."""

import pytest
import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from slide_mobile_converters.tflite import lowering


class Block(nn.Module):
    def __init__(self, *, weight: float = 1.0, name: str = "fc", gain: float = 2.0) -> None:
        super().__init__()
        self.add_module(name, nn.Linear(4, 4))
        self.name, self.gain = name, gain
        with torch.no_grad():
            self.get_submodule(name).weight.fill_(weight)

    def forward(self, image: Tensor) -> Tensor:
        """(1, 4) -> (1, 4)."""
        found: Tensor = self.get_submodule(self.name)(image) * self.gain
        return found


def program(size: int = 1, **options: float | str) -> ExportedProgram:
    torch.manual_seed(0)
    return torch.export.export(Block(**options).eval(), (), {"image": torch.zeros(size, 4)})


OTHERS = [{"weight": 1.5}, {"name": "proj"}, {"gain": 3.0}, {"size": 2}]


@pytest.mark.parametrize("other", OTHERS, ids=str)
def test_a_fingerprint_is_of_operations_names_shapes_and_tensors(other: dict[str, float]) -> None:
    assert lowering.fingerprint(program()) == lowering.fingerprint(program())
    assert lowering.fingerprint(program(**other)) != lowering.fingerprint(program())


def test_the_last_two_files_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[ExportedProgram] = []

    def converted(given: ExportedProgram) -> bytes:
        made.append(given)
        return len(made).to_bytes()

    monkeypatch.setattr(lowering, "_lowered", {})
    monkeypatch.setattr(lowering, "_converted", converted)
    gains = (1.0, 2.0, 1.0, 3.0, 2.0, 1.0)
    found = [lowering.by_litert(program(gain=gain)) for gain in gains]
    assert [file[0] for file in found] == [1, 2, 1, 3, 2, 4]


def test_a_fingerprint_is_of_every_type_of_tensor() -> None:
    half = Block().to(torch.bfloat16)
    found = torch.export.export(half, (), {"image": torch.zeros(1, 4, dtype=torch.bfloat16)})
    assert lowering.fingerprint(found) != lowering.fingerprint(program())


@pytest.mark.slow
def test_a_kept_file_is_the_one_that_would_be_written_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lowering, "_lowered", {})
    first = lowering.by_litert(program())
    assert lowering.by_litert(program()) is first
    monkeypatch.setattr(lowering, "_lowered", {})
    assert lowering.by_litert(program()) == first

"""A network of the user as a reference: names of outputs, what is refused, and its file."""

from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest
import torch
from own_networks import Seen, build
from torch import Tensor, nn

from slide_mobile.deploy.networks.network import named, scaled_pixels
from slide_mobile.errors import SlideMobileError, UsageError
from slide_mobile.models.checkpoint import tensors_sha256
from slide_mobile.parity import own, own_file
from slide_mobile.parity.own import OwnModel
from slide_mobile.preprocess import IMAGENET

ONE = torch.ones(1, 2)
Pair = namedtuple("Pair", ["left", "right"])


class Gives(nn.Module):
    """A network that returns what it is told to."""

    def __init__(self, result: Any) -> None:
        super().__init__()
        self.result = result

    def forward(self, image: Tensor) -> Any:
        return self.result


@pytest.mark.parametrize(
    ("result", "names"),
    [
        (ONE, ["output"]),
        ((ONE, ONE), ["output1", "output2"]),
        ((ONE, None), ["output1"]),
        ({"a": ONE, "b": ONE, "loss": None}, ["a", "b"]),
        (Pair(ONE, ONE), ["left", "right"]),
        (Seen(embedding=ONE, depth=ONE), ["embedding", "depth"]),
    ],
)
def test_outputs_have_the_names_that_the_network_gives_them(result: Any, names: list[str]) -> None:
    assert list(named(result)) == names


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (None, "returns NoneType without a tensor"),
        ({"": ONE}, "is named ''"),
        ({"image": ONE}, "is named 'image'"),
        (ONE.long(), "is of torch.int64"),
        (torch.ones(2, 2), "the first for the batch"),
        (torch.ones(1, 1, 1, 1, 1), "1 to 4 axes"),
        (ONE * torch.nan, "NaN or infinite"),
    ],
)
def test_what_a_file_cannot_give_is_refused_in_a_line(result: Any, words: str) -> None:
    with pytest.raises(SlideMobileError, match=words) as caught:
        own.load(OwnModel(module=Gives(result).eval(), example=torch.zeros(1, 3, 8, 8)))
    assert "\n" not in str(caught.value)


def test_training_mode_and_other_examples_are_refused() -> None:
    net = build("plain")
    with pytest.raises(UsageError, match="give floats of"):
        own.load(OwnModel(module=net, example=torch.zeros(1, 4, 8, 8)))
    with pytest.raises(UsageError, match=r"call eval\(\)"):
        own.load(OwnModel(module=net.train(), example=torch.zeros(1, 3, 8, 8)))


def test_the_digest_is_of_the_weights_alone() -> None:
    net, other = build("plain"), build("plain")
    assert tensors_sha256(net.state_dict()) == tensors_sha256(other.state_dict())
    with torch.no_grad():
        next(other.parameters()).flatten()[0] += 1e-3
    assert tensors_sha256(net.state_dict()) != tensors_sha256(other.state_dict())


def test_pixels_are_scaled_as_the_network_takes_them() -> None:
    image = torch.randint(0, 256, (1, 3, 4, 4)).float()
    mean, std = (torch.tensor(x)[:, None, None] for x in (IMAGENET.mean, IMAGENET.std))
    torch.testing.assert_close(scaled_pixels(IMAGENET)(image), (image / 255 - mean) / std)


def test_the_reference_counts_and_names() -> None:
    ref = own.load(
        OwnModel(module=build("plain"), example=torch.zeros(1, 3, 32, 32), name="my net")
    )
    assert ref.name == "my_net" and ref.output_names == ("output",) and ref.family == "own"
    assert ref.size.params == sum(p.numel() for p in ref.model.parameters())
    assert ref.size.macs == 16 * 16 * 27 * 16 + 8 * 8 * 9 * 16 * 32 + 4 * 4 * 9 * 32 * 32 + 320


NET = """
import torch
from torch import nn
from beside import CHANNELS

def build():
    return nn.Conv2d(3, CHANNELS, 1)

def with_example():
    return build(), torch.zeros(1, 3, 24, 40)

def broken():
    return 1 / 0

def text():
    return "a model"
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("sys.path", __import__("sys").path.copy())
    (tmp_path / "beside.py").write_text("CHANNELS = 5\n")
    path = tmp_path / "own_net_of_a_test.py"
    path.write_text(NET)
    return path


def test_a_file_makes_the_network_as_python_would_run_it(file: Path) -> None:
    found = own_file.load(f"{file}:with_example")
    assert found.example.shape == (1, 3, 24, 40)
    assert not found.module.training
    assert found.source == f"{file}:with_example"
    assert own_file.load(f"{file}:build", input_size=(8, 16)).example.shape == (1, 3, 8, 16)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("build", "returns no example"),
        ("absent", "has no function absent"),
        ("broken", "raised ZeroDivisionError: division by zero"),
        ("text", "returns str"),
    ],
)
def test_a_file_that_does_not_is_refused_in_a_line(file: Path, function: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        own_file.load(f"{file}:{function}")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_missing_or_does_not_run(file: Path) -> None:
    with pytest.raises(UsageError, match="there is no file"):
        own_file.load(f"{file.parent}/none.py:build")
    file.write_text("import nowhere_at_all")
    with pytest.raises(UsageError, match="raised ModuleNotFoundError"):
        own_file.load(f"{file}:build")


def test_only_a_python_file_with_a_function_is_a_place() -> None:
    assert own_file.is_place("nets/unet.py:build")
    for other in ("slide_swin_demo", "weights.pth", "unet.py", "a:b", "unet.py:1"):
        assert not own_file.is_place(other)

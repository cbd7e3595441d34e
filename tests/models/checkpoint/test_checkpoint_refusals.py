"""Files that are not checkpoints: the error is one line that says why, with exit code 2."""

import json
import struct
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from slide_mobile.errors import CheckpointError
from slide_mobile.models import checkpoint

WEIGHT = torch.arange(6.0).reshape(2, 3)


def refusal(path: Path) -> str:
    """Return the error message of `read` after the path: one line, exit code 2."""
    with pytest.raises(CheckpointError) as caught:
        checkpoint.read(path)
    assert caught.value.exit_code == 2
    message = str(caught.value)
    assert message.startswith(f"{path} ")
    assert "\n" not in message
    return message.removeprefix(f"{path} ")


def saved(path: Path, content: object) -> Path:
    """Save with torch.save."""
    torch.save(content, path)
    return path


def test_a_missing_file(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.pth") == "does not exist"


def test_a_folder(tmp_path: Path) -> None:
    assert refusal(tmp_path).startswith("is not a file")


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".safetensors"])
def test_an_empty_file(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"w{suffix}"
    path.touch()
    assert refusal(path) == "is empty"


def test_a_text_file_is_quoted(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    assert "it begins with version https://" in refusal(path)


def test_a_text_file_that_looks_like_safetensors(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    path.write_text('12345678{"a": 1}')
    assert "truncated or damaged" in refusal(path)


def test_every_truncation_of_a_safetensors_file(tmp_path: Path) -> None:
    content = safetensors.torch.save({"w": WEIGHT})
    path = tmp_path / "w.safetensors"
    for length in range(1, len(content)):
        path.write_bytes(content[:length])
        refusal(path)


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (torch.tensor([1.0, float("nan")]), "has NaN or infinite values in w.weight"),
        (torch.tensor([1.0, float("-inf")]), "has NaN or infinite values in w.weight"),
        (torch.tensor([1e300], dtype=torch.float64), "has NaN or infinite values in w.weight"),
        (torch.tensor([1 + 2j]), "has torch.complex64 values in w.weight"),
        (torch.tensor([1, 2]), "has torch.int64 values in w.weight"),
        (torch.tensor([True]), "has torch.bool values in w.weight"),
        (WEIGHT.to_sparse(), "has sparse_tensor values in w.weight"),
        (WEIGHT.to(torch.float8_e4m3fn), "has tensor_v3 values in w.weight"),
    ],
)
def test_values_that_no_weight_has(value: Tensor, complaint: str, tmp_path: Path) -> None:
    assert complaint in refusal(saved(tmp_path / "w.pth", {"w.weight": value}))


def test_odd_values_in_a_safetensors_file(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    safetensors.torch.save_file({"w.weight": WEIGHT.to(torch.float8_e4m3fn)}, path)
    assert "has torch.float8_e4m3fn values in w.weight" in refusal(path)


def test_two_tensors_for_one_name(tmp_path: Path) -> None:
    path = saved(tmp_path / "w.pth", {"module.w": WEIGHT, "w": WEIGHT})
    assert refusal(path) == "has more than one tensor for w"


def test_a_whole_pickled_module(tmp_path: Path) -> None:
    message = refusal(saved(tmp_path / "w.pth", {"model": nn.Linear(2, 2)}))
    assert "holds a pickled torch.nn.modules.linear.Linear instead of weights; save the" in message


def test_a_dict_of_something_else_names_its_keys(tmp_path: Path) -> None:
    message = refusal(saved(tmp_path / "w.pth", {"nets": {"w": WEIGHT}, "epoch": 3}))
    assert "holds a dict of nets, epoch instead of weights;" in message


def test_a_tensor_alone_and_an_empty_dict(tmp_path: Path) -> None:
    alone, empty = saved(tmp_path / "a.pth", WEIGHT), saved(tmp_path / "b.pth", {})
    assert "holds one tensor without a name instead of weights;" in refusal(alone)
    assert "holds a dict of nothing instead of weights;" in refusal(empty)


def test_an_empty_tensor_claims_no_classes(tmp_path: Path) -> None:
    header = {"head.weight": {"dtype": "F32", "shape": [10**18, 0], "data_offsets": [0, 0]}}
    content = json.dumps(header).encode()
    path = tmp_path / "w.safetensors"
    path.write_bytes(struct.pack("<Q", len(content)) + content)
    with pytest.raises(CheckpointError, match=r"head\.weight is \(10{18}, 0\), expected \(5, 64\)"):
        checkpoint.fit(checkpoint.read(path), "slide_pvt_test")


def test_a_container_within_itself(tmp_path: Path) -> None:
    content: dict[str, object] = {}
    content["model"] = content
    assert "instead of weights" in refusal(saved(tmp_path / "w.pth", content))


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({}, "holds no weights, only counters and buffers"),
        (
            {"model": {"w": WEIGHT}},
            "holds dict in model; give tensors by name, such as state_dict[",
        ),
        ({"w": WEIGHT.numpy()}, "holds ndarray in w; give tensors by name"),
        ({"w": WEIGHT.to("meta")}, "holds no values in w"),
        ({"w": WEIGHT.log()}, "has NaN or infinite values in w"),
        ({"w.weight": WEIGHT.to(torch.int32)}, "has torch.int32 values in w.weight"),
    ],
)
def test_a_state_dict_in_memory(state: dict[str, Tensor], said: str) -> None:
    with pytest.raises(CheckpointError) as caught:
        checkpoint.in_memory(state)
    assert str(caught.value).startswith(f"the state dict {said}")


def test_the_digest_of_tensors_is_of_their_names_shapes_and_values() -> None:
    digest = checkpoint.tensors_sha256
    two = {"a": WEIGHT, "b": WEIGHT + 1}
    assert digest(two) == digest(dict(reversed(two.items())))
    others = ({"a": WEIGHT}, {**two, "b": WEIGHT}, {**two, "b": (WEIGHT + 1).reshape(3, 2)})
    assert len({digest(each) for each in (two, *others)}) == 4

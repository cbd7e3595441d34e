"""The two layouts of `torch.save`: tensors are read exactly, and damage is always noticed."""

import argparse
import io
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch_files import LAYOUTS, WEIGHT, assemble, pick_all, refusal, save, tensor_pickle

from slide_mobile.errors import CheckpointError
from slide_mobile.models.checkpoint.torch_file import load
from slide_mobile.models.checkpoint.unpickle import Stored, Unreadable


@LAYOUTS
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_tensors_come_out_as_torch_wrote_them(zipped: bool, protocol: int, tmp_path: Path) -> None:
    base = torch.arange(24.0).reshape(4, 6)
    tensors: dict[str, Tensor] = {
        "plain": base,
        "transposed": base.T,
        "row": base[2],
        "columns": base[:, 1::2],
        "scalar": torch.tensor(3.5),
        "empty": torch.empty(0, 3),
        "parameter": nn.Parameter(torch.ones(2)),
        "half": base.half(),
        "bfloat16": base.bfloat16(),
        "double": base.double(),
        "int64": torch.arange(5),
        "bool": torch.tensor([True, False]),
        "complex": torch.tensor([1 + 2j]),
    }
    path = save(tmp_path / "w.pth", tensors, zipped=zipped, protocol=protocol)
    loaded = load(path, pick_all)
    assert loaded.keys() == tensors.keys()
    for name, tensor in tensors.items():
        found = loaded[name]
        assert isinstance(found, Tensor)
        assert found.dtype == tensor.dtype
        assert torch.equal(found, tensor.detach())


@pytest.mark.parametrize(
    ("numel", "shape", "stride", "offset"),
    [
        (4, "I5\n", "I1\n", 0),
        (4, "I4\n", "I1\n", 1),
        (4, "I2\nI2\n", "I3\nI1\n", 0),
        (4, "I4\n", "I-1\n", 3),
        (4, "I-4\n", "I1\n", 0),
        (4, "I2\nI2\n", "I1\n", 0),
        (4, "L99999999999999999999L\n", "I0\n", 0),
        (4, "S'4'\n", "I1\n", 0),
    ],
)
def test_a_tensor_outside_its_storage_is_refused(
    numel: int, shape: str, stride: str, offset: int, tmp_path: Path
) -> None:
    pickled = tensor_pickle(numel, shape, stride, offset)
    message = refusal(assemble(tmp_path / "w.pth", pickled, {"0": bytes(16)}))
    assert "outside its storage" in message


def test_a_tensor_that_one_value_expands_to_gigabytes_is_refused(tmp_path: Path) -> None:
    pickled = tensor_pickle(4, "I100000\nI100000\n", "I0\nI0\n")
    message = refusal(assemble(tmp_path / "w.pth", pickled, {"0": bytes(16)}))
    assert message == "claims more values than fit into a file of its size"


def test_a_storage_larger_than_its_entry_is_refused(tmp_path: Path) -> None:
    pickled = tensor_pickle(10**9, "I4\n", "I1\n")
    assert "truncated inside w" in refusal(assemble(tmp_path / "w.pth", pickled, {"0": bytes(16)}))


def test_a_zip_bomb_is_not_inflated(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("a/data.pkl"), tensor_pickle(2**24, "I1\n", "I1\n"))
        archive.writestr("a/data/0", bytes(2**26))
    assert "compressed" in refusal(path)


@LAYOUTS
def test_only_the_tensors_that_are_picked_are_read(zipped: bool, tmp_path: Path) -> None:
    noise = torch.full((64,), 0.7)
    path = save(tmp_path / "w.pth", {"w": WEIGHT, "optimizer": noise}, zipped=zipped)
    content = path.read_bytes().replace(noise.numpy().tobytes(), bytes(256))
    path.write_bytes(content)  # in a zip, that breaks the entry's CRC
    loaded = load(path, lambda root: {"w": pick_all(root)["w"]})
    assert loaded.keys() == {"w"}


def test_damaged_weights_are_noticed_by_their_crc(tmp_path: Path) -> None:
    path = save(tmp_path / "w.pth", {"w": WEIGHT})
    path.write_bytes(path.read_bytes().replace(WEIGHT.numpy().tobytes(), bytes(24)))
    assert "CRC" in refusal(path)


def test_a_torchscript_program_is_named_as_such(tmp_path: Path) -> None:
    path = assemble(tmp_path / "w.pt", b"N.")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("archive/constants.pkl", b"N.")
    assert "TorchScript" in refusal(path)


def test_a_zip_of_something_else_is_named_as_such(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert refusal(path) == "is a zip archive, but not one that torch.save writes"


def test_a_pickle_of_something_else_is_named_as_such(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    path.write_bytes(pickle.dumps(7) * 5)
    assert refusal(path) == "is a pickle, but not one that torch.save writes"


def test_a_big_endian_file_is_refused(tmp_path: Path) -> None:
    path = assemble(tmp_path / "w.pth", tensor_pickle(4, "I4\n", "I1\n"), {"0": bytes(16)})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("archive/byteorder", b"big")
    assert "big-endian" in refusal(path)


def saved_bytes(*, zipped: bool) -> bytes:
    buffer = io.BytesIO()
    company = {"w": WEIGHT, "half": WEIGHT.half(), "args": argparse.Namespace(lr=1), "n": [1, {2}]}
    torch.save(company, buffer, _use_new_zipfile_serialization=zipped)
    return buffer.getvalue()


@LAYOUTS
def test_no_truncation_goes_unnoticed(zipped: bool, tmp_path: Path) -> None:
    content, path = saved_bytes(zipped=zipped), tmp_path / "w.pth"
    for length in range(1, len(content), 7):
        path.write_bytes(content[:length])
        refusal(path)


@LAYOUTS
@settings(deadline=None, max_examples=300)
@given(data=st.data())
def test_changed_bytes_give_tensors_or_a_refusal(
    zipped: bool, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = bytearray(saved_bytes(zipped=zipped))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / f"changed-{zipped}.pth"
    path.write_bytes(content)
    try:
        loaded = load(path, pick_all)
    except CheckpointError as error:
        assert "\n" not in str(error)
    else:
        assert all(isinstance(value, Tensor | Unreadable) for value in loaded.values())


@settings(deadline=None, max_examples=300)
@given(data=st.data())
def test_a_changed_pickle_behind_a_valid_crc_gives_tensors_or_a_refusal(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    pickled = bytearray(tensor_pickle(4, "I2\nI2\n", "I2\nI1\n"))
    for _ in range(data.draw(st.integers(1, 3))):
        pickled[data.draw(st.integers(0, len(pickled) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "changed-pickle.pth"
    assemble(path, bytes(pickled), {"0": bytes(16)})
    try:
        loaded = load(path, pick_all)
    except CheckpointError as error:
        assert "\n" not in str(error)
    else:
        assert all(isinstance(value, Tensor | Unreadable) for value in loaded.values())


def test_a_stored_tensor_is_not_read_until_picked(tmp_path: Path) -> None:
    seen: list[object] = []

    def pick(root: object) -> dict[str, object]:
        seen.extend(pick_all(root).values())
        return {}

    assert load(save(tmp_path / "w.pth", {"w": WEIGHT}), pick) == {}
    assert [type(value) for value in seen] == [Stored]

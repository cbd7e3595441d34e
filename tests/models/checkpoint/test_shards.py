"""Checkpoints in several files: an index is read, pieces are refused with what merges them."""

import hashlib
import json
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor

from slide_mobile.errors import CheckpointError
from slide_mobile.models import checkpoint

PARTS = {
    "model-00001-of-00002": {"patch_embed.proj.weight": torch.ones(2, 3, 4, 4)},
    "model-00002-of-00002": {"norm.weight": torch.ones(2)},
}


def refusal(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        checkpoint.read(path)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(f"{path} ")


def sharded(folder: Path, kind: str, parts: dict[str, dict[str, Tensor]] = PARTS) -> Path:
    """Write a checkpoint in two files with an index."""
    write = {"safetensors": safetensors.torch.save_file, "bin": torch.save}[kind]
    for name, tensors in parts.items():
        write(tensors, folder / f"{name}.{kind}")
    names = {key: f"{name}.{kind}" for name, tensors in parts.items() for key in tensors}
    index = folder / f"model.{kind}.index.json"
    index.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": names}))
    return index


@pytest.mark.parametrize("kind", ["safetensors", "bin"])
def test_the_files_of_an_index_are_read_as_one(kind: str, tmp_path: Path) -> None:
    index = sharded(tmp_path, kind)
    found = checkpoint.read(index)
    assert found.tensors.keys() == {"patch_embed.proj.weight", "norm.weight"}
    files = [index, *sorted(tmp_path.glob(f"*.{kind}"))]
    lines = [f"{hashlib.sha256(f.read_bytes()).hexdigest()}  {f.name}\n" for f in files]
    assert found.sha256 == hashlib.sha256("".join(lines).encode()).hexdigest()


def test_an_index_without_a_part_is_refused(tmp_path: Path) -> None:
    index = sharded(tmp_path, "safetensors")
    (tmp_path / "model-00002-of-00002.safetensors").unlink()
    assert refusal(index) == (
        "names model-00002-of-00002.safetensors, which is not beside it: copy all parts"
    )


@pytest.mark.parametrize("name", ["../other.safetensors", "/etc/passwd", "a/b.safetensors", ""])
def test_an_index_reaches_only_what_is_beside_it(name: str, tmp_path: Path) -> None:
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"w": name}}))
    assert refusal(index).startswith("names a file that is not beside it")


@pytest.mark.parametrize("text", ["", "[]", '{"weight_map": 3}', '{"weight_map": {}}'])
def test_an_index_that_is_none(text: str, tmp_path: Path) -> None:
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(text)
    assert refusal(index).startswith(("is not an index (", "names 0 files"))


def test_one_part_names_its_index(tmp_path: Path) -> None:
    sharded(tmp_path, "safetensors")
    assert refusal(tmp_path / "model-00001-of-00002.safetensors") == (
        "is one part of several: give model.safetensors.index.json, which lies beside it"
    )


def test_a_folder_names_the_file_inside(tmp_path: Path) -> None:
    sharded(tmp_path, "safetensors")
    assert refusal(tmp_path) == f"is not a file; give {tmp_path}/model.safetensors.index.json"


def test_the_shards_of_fsdp_are_refused_with_what_merges_them(tmp_path: Path) -> None:
    for name in ("__0_0.distcp", ".metadata"):
        (tmp_path / name).write_bytes(b"PK")
    command = f"format_utils dcp_to_torch {tmp_path} weights.pth"
    assert refusal(tmp_path).endswith(command)
    assert refusal(tmp_path / "__0_0.distcp").endswith(command)


def test_flattened_parameters_of_fsdp_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    torch.save({"_fsdp_wrapped_module._flat_param": torch.ones(9)}, path)
    assert refusal(path).startswith("holds the pieces of FSDP, not whole weights: save it with")


def test_the_shards_of_deepspeed_are_refused_with_what_merges_them(tmp_path: Path) -> None:
    step = tmp_path / "global_step100"
    step.mkdir()
    (tmp_path / "latest").write_text("global_step100")
    empty = {"ds_version": "0.16", "module": {"norm.weight": torch.empty(0)}}
    torch.save(empty, step / "mp_rank_00_model_states.pt")
    torch.save(empty, step / "zero_pp_rank_0_mp_rank_00_optim_states.pt")
    states = refusal(step / "mp_rank_00_model_states.pt")
    assert states.endswith("python zero_to_fp32.py FOLDER weights.pth")
    for path in (step, step / "zero_pp_rank_0_mp_rank_00_optim_states.pt"):
        assert refusal(path).endswith(f"python zero_to_fp32.py {tmp_path} weights.pth")


def test_whole_weights_of_deepspeed_are_read(tmp_path: Path) -> None:
    path = tmp_path / "mp_rank_00_model_states.pt"
    torch.save({"ds_version": "0.16", "module": PARTS["model-00002-of-00002"]}, path)
    assert checkpoint.read(path).tensors.keys() == {"norm.weight"}

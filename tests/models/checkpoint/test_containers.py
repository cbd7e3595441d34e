"""Raw and averaged weights: which key holds which, and that the choice is said."""

from pathlib import Path

import pytest
import torch

from slide_mobile.errors import CheckpointError
from slide_mobile.models import checkpoint

RAW, MEAN = torch.zeros(2, 3, 4, 4), torch.ones(2, 3, 4, 4)
KEY = "patch_embed.proj.weight"


def state(value: torch.Tensor, prefix: str = "") -> dict[str, torch.Tensor]:
    return {f"{prefix}{KEY}": value, f"{prefix}norm.weight": value[0, 0, 0]}


FILES: dict[str, object] = {
    "timm": {"state_dict": state(RAW), "state_dict_ema": state(MEAN), "arch": "swin"},
    "main_ema.py": {"model": state(RAW), "state_dict_ema": state(MEAN), "epoch": 3},
    "torchvision": {"model": state(RAW), "model_ema": state(MEAN, "module.")},
    "ema.module": {"model": state(RAW), "ema": {"module": state(MEAN), "updates": 9}},
    "ema_model": {"model": state(RAW), "ema_model": state(MEAN)},
    "Lightning": {
        "state_dict": state(MEAN, "model."),
        "current_model_state": state(RAW, "model."),
        "averaging_state": {"n_averaged": torch.tensor(3)},
    },
    "OpenMMLab": {
        "meta": {"epoch": 1},
        "state_dict": state(MEAN, "backbone."),
        "ema_state_dict": {**state(RAW, "module.backbone."), "steps": torch.tensor(9)},
    },
    "ema_state_dict": {"state_dict": state(RAW), "ema_state_dict": state(MEAN)},
    "BasicSR": {"params": state(RAW), "params_ema": state(MEAN)},
    "one dict": {"state_dict": state(RAW, "model.") | state(MEAN, "ema_model.module.")},
    "teacher": {"model": state(RAW, "student.backbone.") | state(MEAN, "teacher.backbone.")},
    "plain and ema": state(RAW) | state(MEAN, "model_ema."),
    "mmcv 1": {
        "meta": {},
        "state_dict": state(MEAN)
        | {f"ema_{k.replace('.', '_')}": v for k, v in state(RAW).items()},
    },
    "LitEma": state(RAW, "model.")
    | {f"model_ema.{k.replace('.', '')}": v for k, v in state(MEAN).items()},
}


@pytest.mark.parametrize("weights", [None, "ema", "raw"])
@pytest.mark.parametrize("source", FILES)
def test_the_rule_of_each_source(
    source: str, weights: checkpoint.Weights | None, tmp_path: Path
) -> None:
    torch.save(FILES[source], tmp_path / "w.pth")
    found = checkpoint.read(tmp_path / "w.pth", weights=weights)
    assert found.tensors.keys() == state(RAW).keys()
    assert torch.equal(found.tensors[KEY], RAW if weights == "raw" else MEAN)
    (note,) = (note for note in found.notes if "weights taken from" in note)
    taken, other = ("raw", "ema") if weights == "raw" else ("averaged", "raw")
    assert note.startswith(f"{taken} weights taken from") and f"--weights {other} takes" in note


def refusal(tmp_path: Path, content: object, weights: checkpoint.Weights) -> str:
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(CheckpointError) as caught:
        checkpoint.read(tmp_path / "w.pth", weights=weights)
    return str(caught.value)


@pytest.mark.parametrize(
    "content", [state(RAW), {"model": state(RAW)}, {"model": state(RAW, "net.")}]
)
def test_averages_that_a_file_does_not_have_are_refused(content: object, tmp_path: Path) -> None:
    assert "has no averaged weights: leave out --weights ema" in refusal(tmp_path, content, "ema")


def test_raw_weights_that_a_file_does_not_have_are_refused(tmp_path: Path) -> None:
    content = {"model_ema": state(MEAN)}
    assert "has averaged weights only: leave out --weights raw" in refusal(tmp_path, content, "raw")


def test_two_networks_that_are_no_average_are_refused(tmp_path: Path) -> None:
    content = state(RAW, "encoder_q.") | state(MEAN, "encoder_k.")
    message = refusal(tmp_path, content, "raw")
    assert "holds 2 networks (encoder_q., encoder_k.); save the state_dict() of one" in message


@pytest.mark.parametrize(
    "prefix",
    [
        "net.", "model.net.", "lightning_model.encoder.", "_orig_mod.model._orig_mod.",
        "module.network.backbone.", "_forward_module.model.", "_fsdp_wrapped_module.",
    ],
)  # fmt: skip
def test_a_prefix_of_any_words_is_taken_off(prefix: str, tmp_path: Path) -> None:
    torch.save({"state_dict": state(RAW, prefix)}, tmp_path / "w.pth")
    assert checkpoint.read(tmp_path / "w.pth").tensors.keys() == state(RAW).keys()


def test_wrappers_are_taken_off_inside_a_key(tmp_path: Path) -> None:
    inside = "layers.0._checkpoint_wrapped_module.blocks.0._orig_mod.norm1.weight"
    torch.save({**state(RAW), inside: torch.ones(3)}, tmp_path / "w.pth")
    assert "layers.0.blocks.0.norm1.weight" in checkpoint.read(tmp_path / "w.pth").tensors


def test_metrics_and_counters_are_left_out_and_named(tmp_path: Path) -> None:
    metrics = {
        "accuracy.tp": torch.tensor([1, 2]),
        "steps": torch.tensor(3),
        "best": torch.tensor(float("nan")),
        "confusion": torch.zeros(2, 2, dtype=torch.int64),
    }
    torch.save(state(RAW) | metrics, tmp_path / "w.pth")
    found = checkpoint.read(tmp_path / "w.pth")
    assert found.tensors.keys() == state(RAW).keys()
    assert found.notes == ("not weights, so left out: accuracy.tp, steps, best and 1 more",)

"""Files of PVT, PVTv2, CSwin and NAT, and of their Slide forms, under their official names."""

from argparse import Namespace
from pathlib import Path

import pytest
import torch
from official_files import State, cswin, filled, nat, pvt, small
from torch import nn

from slide_mobile import models
from slide_mobile.errors import CheckpointError
from slide_mobile.models import checkpoint
from slide_mobile.models.checkpoint import matching
from slide_mobile.models.layers.backbone import without_head

FAMILIES = pytest.mark.parametrize(
    "family", ["slide_pvt", "slide_pvt_v2", "slide_cswin", "slide_nat"]
)
FIRST_STAGE = {
    "slide_pvt": "block1.0.attn",
    "slide_pvt_v2": "block1.0.attn",
    "slide_cswin": "stage1.0.attn",
    "slide_nat": "levels.0.blocks.0.attn",
}


def imported(path: Path, content: object, name: str) -> checkpoint.Fit:
    """Save, read and fit."""
    torch.save(content, path)
    return checkpoint.fit(checkpoint.read(path), name)


def refusal(path: Path, content: object, name: str) -> str:
    """Return the error message of a file that does not fit: one line, exit code 2."""
    with pytest.raises(CheckpointError) as caught:
        imported(path, content, name)
    assert caught.value.exit_code == 2 and "\n" not in str(caught.value)
    return str(caught.value)


def assert_carries(model: nn.Module, state: State) -> None:
    """Check that every parameter comes from the file, and that the file has no others."""
    parameters = dict(model.named_parameters())
    assert parameters.keys() == state.keys()
    assert all(torch.equal(parameters[key], state[key]) for key in state)


def assert_same_logits(model: nn.Module, other: nn.Module, *, atol: float = 0.0) -> None:
    """Return the logits of two seeded images."""
    images = torch.randn(2, 3, *model.input_size, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        torch.testing.assert_close(model(images), other(images), rtol=0.0, atol=atol)


def built(name: str, state: State, **options: object) -> nn.Module:
    """Build the model with these options and weights, without the loader under test."""
    model = models.create(name, **options)
    model.load_state_dict({**model.state_dict(), **state})
    return model


# What main.py of PVT, PVTv2's release page, main.py of CSwin and timm's train.py (NAT) write.
def pvt_file(state: State) -> object:
    rest = {"optimizer": {"state": {}, "param_groups": []}, "lr_scheduler": {"step": 3}}
    return {"model": state, **rest, "epoch": 299, "scaler": {"scale": 65536.0}, "args": Namespace()}


def cswin_file(state: State) -> object:
    raw = {key: value + 1 for key, value in state.items()}
    args = Namespace(model="CSWin_64_24322_small_224", lr=1e-3)
    rest = {"epoch": 299, "arch": args.model, "optimizer": {}, "version": 2, "args": args}
    return {**rest, "state_dict": raw, "state_dict_ema": state, "metric": 83.6}


def nat_file(state: State) -> object:
    return {"state_dict": {f"module.{key}": value for key, value in state.items()}, "epoch": 299}


@pytest.mark.parametrize(
    ("name", "shapes", "container"),
    [
        ("pvt_tiny", pvt(), pvt_file),
        ("pvt_v2_b1", pvt(second=True), dict),
        ("cswin_small", cswin(), cswin_file),
        ("nat_mini", nat(), nat_file),
    ],
    ids=["pvt", "pvt_v2", "cswin", "nat"],
)
def test_a_parents_official_file_fits_the_parent(name, shapes, container, tmp_path) -> None:
    state = filled(shapes)
    fit = imported(tmp_path / "w.pth", container(state), name)
    assert_carries(fit.model, state)
    if container is cswin_file:
        (note,) = fit.notes
        assert note.startswith("averaged weights taken from 'state_dict_ema', in the way of timm")
    else:
        assert fit.notes == ()


@FAMILIES
def test_a_slide_file_fits_its_model(family: str, tmp_path: Path) -> None:
    state = filled(small(family))
    fit = imported(tmp_path / "w.pth", {"model": state}, f"{family}_test")
    assert_carries(fit.model, state)
    assert fit.notes == ()


@FAMILIES
def test_merged_depthwise_paths_of_every_family(family: str, tmp_path: Path) -> None:
    state = filled(small(family))
    merged = dict(state)
    for key in [key for key in state if ".dep_conv1." in key]:
        shift = key.replace("dep_conv1", "dep_conv")
        merged[shift] = merged[shift] + merged.pop(key)
    fit = imported(tmp_path / "w.pth", merged, f"{family}_test")
    # One convolution instead of two: 1.4e-5 measured, on logits of up to 9.
    assert_same_logits(fit.model, built(f"{family}_test", state), atol=1e-4)
    (note,) = fit.notes
    merged = "shift and deformation are already merged in the file: "
    assert note.startswith(f"{merged}{FIRST_STAGE[family]}, ")


@pytest.mark.parametrize(
    ("family", "left_out"),
    [
        ("slide_pvt", "block1.0.attn.qkv.bias"),
        ("slide_pvt", "block3.1.attn.q.bias"),
        ("slide_pvt_v2", "block4.0.attn.kv.bias"),
        ("slide_cswin", "stage3.0.qkv.bias"),
        ("slide_cswin", "stage2.0.attn.get_v.bias"),
        ("slide_cswin", "stage1.0.attn.relative_position_bias_table"),
        ("slide_nat", "levels.3.blocks.0.attn.qkv.bias"),
        ("slide_nat", "levels.0.blocks.0.attn.dep_conv1.bias"),
    ],
)
def test_biases_may_be_left_out_in_every_family(family: str, left_out: str, tmp_path) -> None:
    state = filled(small(family))
    zeroed = {**state, left_out: torch.zeros_like(state.pop(left_out))}
    fit = imported(tmp_path / "w.pth", state, f"{family}_test")
    assert_carries(fit.model, zeroed)
    assert fit.notes == (f"not in the file, so set to zero: {left_out}",)


@pytest.mark.parametrize("left_out", ["levels.2.blocks.0.attn.rpb", "levels.3.blocks.0.gamma1"])
def test_other_parameters_may_not(left_out: str, tmp_path: Path) -> None:
    state = filled(small("slide_nat"))
    del state[left_out]
    assert f"{left_out} (" in refusal(tmp_path / "w.pth", state, "slide_nat_test")


def test_a_slide_pvt_file_with_a_class_token_is_classified_by_it(tmp_path: Path) -> None:
    state = filled(small("slide_pvt", token=True))
    fit = imported(tmp_path / "w.pth", state, "slide_pvt_test")
    assert_carries(fit.model, state)
    assert_same_logits(fit.model, built("slide_pvt_test", state, class_token=True))
    assert fit.notes == ("classifies by the class token, which the file has",)


def test_a_pvt_file_without_a_class_token_is_classified_by_the_mean() -> None:
    state = filled(pvt(token=False))
    plan = matching.plan(state, "pvt_tiny", (224, 224))
    assert plan.mismatches == () and plan.options == {"class_token": False}
    assert plan.notes == ("classifies by the mean, because the file has no class token",)


def test_the_position_of_a_class_token_without_the_token_is_refused(tmp_path: Path) -> None:
    state = filled(small("slide_pvt", token=True))
    del state["cls_token"]  # as in PVT's detection code
    message = refusal(tmp_path / "w.pth", state, "slide_pvt_test")
    assert "pos_embed4 is (1, 50, 64), expected (1, 49, 64)" in message


def test_a_file_without_lepe_is_built_without(tmp_path: Path) -> None:
    state = filled(small("slide_cswin", lepe=False))
    fit = imported(tmp_path / "w.pth", state, "slide_cswin_test")
    assert_carries(fit.model, state)
    assert_same_logits(fit.model, built("slide_cswin_test", state, lepe=False))
    note = "slide attention without positional encoding (LePE), as in the file"
    assert fit.notes == (note,)


def test_lepe_in_one_slide_block_only_is_refused(tmp_path: Path) -> None:
    state = filled(small("slide_cswin"))
    for leaf in ("weight", "bias"):
        del state[f"stage2.0.attn.get_v.{leaf}"]
    message = refusal(tmp_path / "w.pth", state, "slide_cswin_test")
    assert "stage2.0.attn.get_v.weight (32, 1, 3, 3) is missing" in message


@pytest.mark.parametrize(
    ("count", "stages"),
    [(1, "stage 1"), (3, "stages 1, 2 and 3"), (4, "stages 1, 2, 3 and 4")],
)
@FAMILIES
def test_the_stages_with_slide_attention_are_read_off(
    family: str, count: int, stages: str, tmp_path: Path
) -> None:
    state = filled(small(family, range(1, count + 1)))
    fit = imported(tmp_path / "w.pth", state, f"{family}_test")
    assert_carries(fit.model, state)
    assert_same_logits(fit.model, built(f"{family}_test", state, slide_stages=count))
    assert fit.notes == (f"slide attention in {stages}, as in the file",)


def test_what_several_readers_find_goes_together(tmp_path: Path) -> None:
    state = filled(small("slide_pvt", (1,), token=True))
    fit = imported(tmp_path / "w.pth", state, "slide_pvt_test")
    assert_carries(fit.model, state)
    assert len(fit.notes) == 2


@FAMILIES
def test_slide_attention_in_the_second_stage_alone_is_refused(family: str, tmp_path) -> None:
    message = refusal(tmp_path / "w.pth", filled(small(family, (2,))), f"{family}_test")
    assert f"{FIRST_STAGE[family]}." in message and "is missing" in message


def test_the_mask_that_cswin_may_register_is_not_taken(tmp_path: Path) -> None:
    state = filled(small("slide_cswin"))
    mask = {"stage1.0.atten_mask_matrix": torch.zeros(4, 49, 49)}
    fit = imported(tmp_path / "w.pth", state | mask, "slide_cswin_test")
    assert_carries(fit.model, state)


@pytest.mark.parametrize(
    ("name", "shapes", "says"),
    [
        ("pvt_v2_b1", pvt(second=True), "(head.weight); it is a backbone: give the checkpoint of"),
        ("cswin_small", cswin() | {"norm2.weight": (128,)}, "norm2.weight (128,) is not expected"),
    ],
)
def test_a_backbone_is_named_as_such(name, shapes, says, tmp_path: Path) -> None:
    state = filled({key: s for key, s in shapes.items() if not key.startswith("head.")})
    message = refusal(tmp_path / "w.pth", state, name)
    assert says in message
    assert ("--task features" in message) == (name == "pvt_v2_b1")  # which it would not fit, too


@FAMILIES
def test_a_backbone_gives_its_maps(family: str, tmp_path: Path) -> None:
    name = f"{family}_test"
    whole = models.create(name, seed=1).requires_grad_(False)
    parts = tuple(f"{part}." for part in whole.classifier())
    state = {k: v for k, v in whole.state_dict().items() if not k.startswith(parts)}
    torch.save(state, tmp_path / "w.pth")
    fit = checkpoint.fit(checkpoint.read(tmp_path / "w.pth"), name, headless=True)
    image = torch.randn(1, 3, *models.spec(name).input_size)
    found = without_head(fit.model)(image)
    for expected, own in zip(without_head(whole)(image), found, strict=True):
        assert torch.equal(expected, own)
    del state[next(key for key in state if key.endswith("proj.weight"))]
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(CheckpointError):
        checkpoint.fit(checkpoint.read(tmp_path / "w.pth"), name, headless=True)

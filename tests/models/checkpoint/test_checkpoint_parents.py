"""A parent's file given to its Slide model: the error message, and what `inherit` takes over."""

from pathlib import Path

import pytest
import torch
from official_files import Shapes, State, cswin, filled, nat, pvt, small, swin

from slide_mobile import models
from slide_mobile.errors import CheckpointError
from slide_mobile.models import checkpoint
from slide_mobile.models.checkpoint import matching, parents

FAMILIES = pytest.mark.parametrize(
    "family", ["slide_pvt", "slide_pvt_v2", "slide_cswin", "slide_nat", "slide_swin"]
)


def parent(family: str) -> State:
    """Return the weights of the parent of `<family>_test`, without slide attention."""
    return filled(small(family, ()))


def read(path: Path, state: State) -> checkpoint.Checkpoint:
    """Save to a file and read it back."""
    torch.save({"model": state}, path)
    return checkpoint.read(path)


def refusal(found: checkpoint.Checkpoint, name: str, call=checkpoint.fit) -> str:
    """Return the error message: one line, exit code 2, beginning with the path."""
    with pytest.raises(CheckpointError) as caught:
        call(found, name)
    assert caught.value.exit_code == 2 and "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "parent", "shapes", "missing"),
    [
        # 9 tensors per attention, 11 with LePE.
        (
            "slide_pvt_tiny", "pvt_tiny", pvt(),
            "18 tensors in block1.*.attn, 18 tensors in block2.*.attn",
        ),
        (
            "slide_pvt_v2_b1", "pvt_v2_b1", pvt(second=True),
            "18 tensors in block1.*.attn, 18 tensors in block2.*.attn",
        ),
        (
            "slide_cswin_small", "cswin_small", cswin(),
            "22 tensors in stage1.*.attn, 44 tensors in stage2.*.attn",
        ),
        (
            "slide_nat_mini", "nat_mini", nat(),
            "27 tensors in levels.0.blocks.*.attn, 36 tensors in levels.1.blocks.*.attn",
        ),
        (
            "slide_swin_tiny", "swin_tiny", swin(),
            "18 tensors in layers.0.blocks.*.attn, 18 tensors in layers.1.blocks.*.attn",
        ),
    ],
)  # fmt: skip
def test_a_parents_file_is_named_with_what_is_missing(
    name: str, parent: str, shapes: Shapes, missing: str, tmp_path: Path
) -> None:
    path = tmp_path / "w.pth"
    assert refusal(read(path, filled(shapes)), name) == (
        f"{path} holds {parent}: {name} also needs the slide attention of stages 1 and 2 "
        f"({missing}); train it (slide_mobile.models.checkpoint.inherit), or convert {parent}"
    )


def test_a_parent_that_is_not_registered_is_recognised_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    state = filled(pvt(depths=(3, 4, 18, 3), second=True))
    message = refusal(read(path, state), "slide_pvt_v2_b3")
    assert message.startswith(f"{path} holds the parent of slide_pvt_v2_b3: ")
    assert message.endswith("; train it (slide_mobile.models.checkpoint.inherit)")


def test_a_larger_parents_file_is_another_models(tmp_path: Path) -> None:
    found = read(tmp_path / "w.pth", filled(pvt(depths=(3, 4, 6, 3))))
    assert refusal(found, "slide_pvt_tiny").endswith("these are weights of pvt_small")
    with pytest.raises(CheckpointError, match="these are weights of pvt_small"):
        checkpoint.inherit(found, "slide_pvt_tiny")


def test_a_slide_file_on_the_parent_names_the_slide_model(tmp_path: Path) -> None:
    found = read(tmp_path / "w.pth", filled(pvt(slides=(1, 2), token=False)))
    assert refusal(found, "pvt_tiny").endswith("these are weights of slide_pvt_tiny")


@FAMILIES
def test_inheriting_takes_what_slide_attention_left_alone(family: str, tmp_path: Path) -> None:
    name, state = f"{family}_test", parent(family)
    fit = checkpoint.inherit(read(tmp_path / "w.pth", state), name, seed=5)
    options = {"class_token": True} if "cls_token" in state else {}
    seeded = dict(models.create(name, seed=5, **options).named_parameters())
    replaced = {
        key for key in seeded if ".attn." in key and key.startswith(SLIDES[family])
    }  # fmt: skip
    for key, value in fit.model.named_parameters():
        assert torch.equal(value, seeded[key] if key in replaced else state[key]), key
    assert replaced == {key for key in seeded if named(fit.notes, key)}
    assert fit.num_classes == 5


SLIDES = {
    "slide_pvt": ("block1.", "block2."),
    "slide_pvt_v2": ("block1.", "block2."),
    "slide_cswin": ("stage1.", "stage2."),
    "slide_nat": ("levels.0.", "levels.1."),
    "slide_swin": ("layers.0.", "layers.1."),
}


def named(notes: tuple[str, ...], key: str) -> bool:
    """Whether a note names this parameter as starting from seeded random values."""
    path, _, leaf = key.partition(".attn.")
    for note in notes:
        leaves, of, paths = note.partition(" of ")
        words = leaves.partition("random slide attention: ")[2].split(", ")
        if of and leaf in words and f"{path}.attn" in paths.replace(" and ", ", ").split(", "):
            return True
    return False


def test_inheriting_keeps_the_class_token_that_the_file_has(tmp_path: Path) -> None:
    state = filled(small("slide_pvt", (), token=True))
    fit = checkpoint.inherit(read(tmp_path / "w.pth", state), "slide_pvt_test")
    assert torch.equal(fit.model.cls_token, state["cls_token"])
    assert fit.notes[0] == "classifies by the class token, which the file has"


def test_inheriting_takes_a_left_out_bias_as_zero_only_where_the_parent_stays(tmp_path) -> None:
    state = parent("slide_nat")
    for block in ("levels.0.blocks.0", "levels.3.blocks.0"):
        del state[f"{block}.attn.qkv.bias"]
    fit = checkpoint.inherit(read(tmp_path / "w.pth", state), "slide_nat_test")
    seeded = models.create("slide_nat_test").get_parameter("levels.0.blocks.0.attn.qkv.bias")
    first = fit.model.get_parameter("levels.0.blocks.0.attn.qkv.bias")
    assert torch.equal(first, seeded)
    assert not fit.model.get_parameter("levels.3.blocks.0.attn.qkv.bias").any()


@FAMILIES
def test_an_inherited_model_can_be_trained(family: str, tmp_path: Path) -> None:
    fit = checkpoint.inherit(read(tmp_path / "w.pth", parent(family)), f"{family}_test")
    images = torch.randn(2, 3, *fit.model.input_size)
    fit.model.train()(images).square().sum().backward()
    frozen = {key for key, p in fit.model.named_parameters() if p.grad is None}
    assert frozen == {key for key, _ in fit.model.named_parameters() if key.endswith(SHIFT)}


SHIFT = ".dep_conv.weight"  # frozen in the published training


@FAMILIES
def test_a_slide_file_leaves_nothing_to_inherit(family: str, tmp_path: Path) -> None:
    state = dict(models.create(f"{family}_test").named_parameters())
    state = {key: value.detach() for key, value in state.items()}
    message = refusal(read(tmp_path / "w.pth", state), f"{family}_test", checkpoint.inherit)
    assert f"already has all weights of {family}_test, so there is nothing to inherit" in message


def test_a_parent_inherits_nothing_from_itself() -> None:
    state = filled(pvt())
    assert parents.inheritance(state, "pvt_tiny", (224, 224)) is None


@pytest.mark.parametrize(
    "name",
    [
        "slide_swin_demo", "slide_swin_tiny_release", "im2col_swin_tiny", "swin_small",
        "slide_pvt_medium", "pvt_tiny", "slide_pvt_v2_b5", "slide_cswin_tiny", "slide_nat_mini",
    ],
)  # fmt: skip
def test_the_closest_model_of_a_models_own_weights_is_itself(name: str) -> None:
    with torch.device("meta"):
        own = dict(models.create(name).named_parameters())
    found, plan = matching.closest(own)
    assert (found, plan.mismatches, plan.options) == (name, (), {})


def test_weights_of_something_else_have_no_closest_model(tmp_path: Path) -> None:
    found = read(tmp_path / "w.pth", {"conv1.weight": torch.ones(64, 3, 7, 7)})
    assert refusal(found, "slide_nat_mini").endswith("no other model fits better")

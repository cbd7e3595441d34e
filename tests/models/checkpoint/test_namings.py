"""Each naming turns its library's keys into all keys of the model, and reorders values exactly."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from slide_mobile.errors import CheckpointError
from slide_mobile.models import checkpoint
from slide_mobile.models.checkpoint import matching, misfit
from slide_mobile.models.checkpoint.naming import Naming, translated
from slide_mobile.models.checkpoint.namings import NAMINGS, naming_of
from slide_mobile.models.slide_swin import PatchMerging

# As the libraries write them: python -m tools.foreign_checkpoints.key_lists
LISTS = sorted(Path(__file__).with_name("keys").glob("*.txt"))


def listed(path: Path) -> dict[str, Tensor]:
    """Tensors without memory, in the shapes of a list; its buffers are left out."""
    lines = (line.split() for line in path.read_text().splitlines())
    shapes = {key.removeprefix("backbone."): shape for key, shape in lines if "_index" not in key}
    one = torch.zeros(1)
    return {key: one.expand(*map(int, shape.split("x"))) for key, shape in shapes.items()}


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.stem)
def test_the_keys_of_a_library_become_those_of_the_model(path: Path) -> None:
    library, _, case = path.stem.partition("-")
    name, headless = case.removesuffix("_saved").removesuffix("_features"), "_features" in case
    found = listed(path)
    naming = naming_of(list(found))
    assert naming is not None and naming.source.lower() == library
    tensors = translated(found, naming)
    assert matching.closest(tensors, headless=headless)[0] == name
    assert matching.plan(tensors, name, (224, 224), headless=headless).mismatches == ()


def test_every_naming_has_a_list_or_is_the_official_one() -> None:
    held = {naming_of(list(listed(path))) for path in LISTS}
    assert [n.source for n in NAMINGS if n not in held] == ["Swin's detection code"]


def test_patch_merging_after_unfold_computes_the_same() -> None:
    torch.manual_seed(0)
    norm, reduction = nn.LayerNorm(12), nn.Linear(12, 6, bias=False)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    state = {"downsample.norm.weight": norm.weight, "downsample.norm.bias": norm.bias}
    unfold = Naming(source="", network="", signs=(), unfolded="downsample")
    found = translated({**state, "downsample.reduction.weight": reduction.weight}, unfold)
    ours = PatchMerging(3)
    ours.load_state_dict({key.removeprefix("downsample."): value for key, value in found.items()})
    x = torch.randn(2, 4, 6, 3)
    rows = nn.functional.unfold(x.permute(0, 3, 1, 2), 2, stride=2).transpose(1, 2)
    torch.testing.assert_close(ours(x), reduction(norm(rows)).reshape(2, 2, 3, 6))


def test_parts_are_joined_and_rows_are_split() -> None:
    naming = Naming(
        source="",
        network="",
        signs=(),
        renames=((r"^key$", "kv[0]"), (r"^value$", "kv[1]")),
        splits=((r"^in_(\w+)$", (("q_<1>", 1), ("rest_<1>", 2))),),
    )
    found = translated(
        {"value": torch.ones(2), "key": torch.zeros(2), "in_w": torch.arange(6.0)}, naming
    )
    assert {key: value.tolist() for key, value in found.items()} == {
        "kv": [0, 0, 1, 1], "q_w": [0, 1], "rest_w": [2, 3, 4, 5],
    }  # fmt: skip


def test_two_keys_that_become_one_are_refused() -> None:
    naming = Naming(source="", network="", signs=(), renames=((r"^a$", "b"),))
    with pytest.raises(CheckpointError, match="more than one tensor for b"):
        translated({"a": torch.ones(1), "b": torch.ones(1)}, naming)


RELATIVES = [
    ("SwinV2", {"layers.0.blocks.0.attn.logit_scale": (3, 1, 1),
                "layers.0.blocks.0.attn.cpb_mlp.0.weight": (512, 2)}),
    ("Swin-L", {"patch_embed.proj.weight": (192, 3, 4, 4), "layers.0.blocks.0.norm1.bias": (192,)}),
    ("PVTv2-Linear", {"stages.0.blocks.0.attn.sr.weight": (64, 64, 1, 1)}),
    ("PVTv2-B0", {"patch_embed1.proj.weight": (32, 3, 7, 7),
                  "block1.0.mlp.fc1.weight": (256, 32)}),
    ("MiT (SegFormer)", {"segformer.encoder.patch_embeddings.0.proj.weight": (32, 3, 7, 7)}),
    ("DiNAT", {"dinat.encoder.levels.0.layers.0.attention.self.rpb": (2, 13, 13)}),
    ("ViT or DeiT", {"pos_embed": (1, 197, 384), "blocks.0.attn.qkv.weight": (1152, 384)}),
    ("ResNet", {"layer1.0.conv1.weight": (64, 64, 1, 1), "bn1.weight": (64,)}),
    ("ConvNeXt", {"stages.0.blocks.0.conv_dw.weight": (96, 1, 7, 7)}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "shapes"), RELATIVES, ids=[name for name, _ in RELATIVES])
def test_a_relative_is_refused_by_its_name(name: str, shapes: dict[str, tuple[int, ...]]) -> None:
    tensors = {key: torch.zeros(1).expand(*shape) for key, shape in shapes.items()}
    why = misfit.unknown(tensors, headless=False)
    assert why.startswith(f"holds weights of {name}, which is not supported")


def test_a_model_is_identified_by_its_weights(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    torch.save(translated_state(), path)
    found = checkpoint.read(path)
    assert found.notes == ("keys of timm's Swin, renamed to the official ones",)
    assert checkpoint.identify(found) == "slide_swin_demo"


def translated_state() -> dict[str, Tensor]:
    """The demo's weights as timm would name them."""
    from slide_mobile import models

    state = models.create("slide_swin_demo").state_dict()
    found = {}
    for key, value in state.items():
        head, _, rest = key.partition(".downsample.")
        moved = f"layers.{int(head[-1]) + 1}.downsample.{rest}" if rest else key
        found[moved.replace("head.", "head.fc.")] = value
    return found

"""Official files and variants of them: the loaded model computes what the source model computes."""

import hashlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from slide_mobile import models
from slide_mobile.errors import CheckpointError, UnknownName, UsageError
from slide_mobile.isolation import calling
from slide_mobile.models import checkpoint
from slide_mobile.models.layers.slide_attention import SlideAttention

NAME = "slide_swin_test"
ATTENTION = "layers.0.blocks.0.attn"
State = dict[str, Tensor]


def randomized(**options: object) -> nn.Module:
    """Make the test model with random values in all parameters, norms and biases included."""
    model = models.create(NAME, seed=1, **options)  # type: ignore[arg-type]
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return model


@pytest.fixture(scope="module")
def source() -> nn.Module:
    """One randomized model for the tests that only change its file."""
    return randomized()


def logits(model: nn.Module, height: int = 64, width: int = 96) -> Tensor:
    """Return the logits of two seeded images."""
    images = torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        out: Tensor = model(images)
    return out


def save(path: Path, content: object, *, zipped: bool = True) -> Path:
    """Save with torch.save."""
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


def imported(
    path: Path, content: object, *, num_classes: int | None = None, zipped: bool = True
) -> checkpoint.Fit:
    """Save, read and fit."""
    found = checkpoint.read(save(path, content, zipped=zipped))
    return checkpoint.fit(found, NAME, num_classes=num_classes)


def refusal(call: Callable[[], object]) -> str:
    """Return the message of the CheckpointError, which has one line and exit code 2."""
    with pytest.raises(CheckpointError) as caught:
        call()
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    return str(caught.value)


def without(state: Mapping[str, Tensor], *endings: str) -> State:
    """Return the state dict without the keys that have this ending."""
    return {key: value for key, value in state.items() if not key.endswith(endings)}


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_an_official_file_gives_the_same_logits(
    zipped: bool, source: nn.Module, tmp_path: Path
) -> None:
    content = {"model": source.state_dict(), "optimizer": {"step": 3}, "epoch": 300}
    fit = imported(tmp_path / "w.pth", content, zipped=zipped)
    assert torch.equal(logits(fit.model), logits(source))
    assert fit.notes == ()
    assert not fit.model.training


def test_a_safetensors_file_gives_the_same_logits(source: nn.Module, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    safetensors.torch.save_file(source.state_dict(), path)
    fit = checkpoint.fit(checkpoint.read(path), NAME)
    assert torch.equal(logits(fit.model), logits(source))


def test_the_file_is_identified_by_its_sha256(source: nn.Module, tmp_path: Path) -> None:
    path = save(tmp_path / "w.pth", source.state_dict())
    assert checkpoint.read(path).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    "prefix", ["module.", "backbone.", "model.", "module.model.", "_orig_mod."]
)
@pytest.mark.parametrize("container", ["state_dict", "model", "state_dict_ema", None])
def test_containers_and_prefixes_are_taken_off(
    prefix: str, container: str | None, source: nn.Module, tmp_path: Path
) -> None:
    state = {f"{prefix}{key}": value for key, value in source.state_dict().items()}
    found = checkpoint.read(save(tmp_path / "w.pth", {container: state} if container else state))
    expected = dict(source.named_parameters())
    assert found.tensors.keys() == expected.keys()
    assert all(torch.equal(found.tensors[key], expected[key]) for key in expected)


@pytest.mark.parametrize(
    ("weights", "factor"), [(None, 1.0), ("ema", 1.0), ("raw", 0.5)], ids=["default", "ema", "raw"]
)
def test_averaged_weights_are_taken_unless_the_raw_ones_are_asked_for(
    weights: checkpoint.Weights | None, factor: float, source: nn.Module, tmp_path: Path
) -> None:
    averaged = source.state_dict()
    raw = {k: v * 0.5 if v.is_floating_point() else v for k, v in averaged.items()}
    path = save(tmp_path / "w.pth", {"model": raw, "state_dict_ema": averaged})
    found = checkpoint.read(path, weights=weights)
    assert torch.equal(found.tensors["norm.weight"], averaged["norm.weight"] * factor)
    assert f"{'averaged' if factor == 1 else 'raw'} weights taken from" in found.notes[0]


def test_averages_that_were_not_kept_leave_the_raw_weights(
    source: nn.Module, tmp_path: Path
) -> None:
    state = source.state_dict()
    found = checkpoint.read(save(tmp_path / "w.pth", {"model": state, "model_ema": {}}))
    assert torch.equal(found.tensors["norm.weight"], state["norm.weight"]) and found.notes == ()


def test_a_merged_file_gives_the_same_logits(source: nn.Module, tmp_path: Path) -> None:
    state = source.state_dict()
    for key in [key for key in state if ".dep_conv1." in key]:
        shift = key.replace("dep_conv1", "dep_conv")
        state[shift] = state[shift] + state.pop(key)
    fit = imported(tmp_path / "w.pth", state)
    # One convolution instead of two: 7e-6 measured, on logits of up to 5.
    torch.testing.assert_close(logits(fit.model), logits(source), rtol=1e-5, atol=1e-5)
    assert f"already merged in the file: {ATTENTION}" in fit.notes[0]


def test_a_file_with_a_third_path_gives_the_same_logits(tmp_path: Path) -> None:
    third = randomized(local_attention=partial(SlideAttention, separate_v=True))
    fit = imported(tmp_path / "w.pth", third.state_dict())
    assert torch.equal(logits(fit.model), logits(third))


@pytest.mark.parametrize("separate_v", [True, False])
def test_a_file_with_reduced_dimensions_gives_the_same_logits(
    separate_v: bool, tmp_path: Path
) -> None:
    local = partial(SlideAttention, dim_reduction=4, separate_v=separate_v)
    reduced = randomized(local_attention=local)
    fit = imported(tmp_path / "w.pth", reduced.state_dict())
    assert torch.equal(logits(fit.model), logits(reduced))


def test_a_file_with_5x5_neighbourhoods_gives_the_same_logits(tmp_path: Path) -> None:
    wide = randomized(local_attention=partial(SlideAttention, k=5))
    fit = imported(tmp_path / "w.pth", wide.state_dict())
    assert torch.equal(logits(fit.model), logits(wide))


@pytest.mark.parametrize(
    "ending",
    ["qkv.bias", "dep_conv.bias", "dep_conv1.bias", f"{ATTENTION}.relative_position_bias_table"],
)
def test_what_a_file_leaves_out_is_zero_and_noted(
    ending: str, source: nn.Module, tmp_path: Path
) -> None:
    zeroed = randomized()
    for key, parameter in zeroed.named_parameters():
        if key.endswith(ending):
            nn.init.zeros_(parameter)
    fit = imported(tmp_path / "w.pth", without(source.state_dict(), ending))
    assert torch.equal(logits(fit.model), logits(zeroed))
    (note,) = fit.notes
    assert note.startswith("not in the file, so set to zero: ")
    assert f"{ATTENTION}.{ending.rpartition('attn.')[2]}" in note


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_floats_become_float32(dtype: torch.dtype, source: nn.Module, tmp_path: Path) -> None:
    state = {k: v.to(dtype) if v.is_floating_point() else v for k, v in source.state_dict().items()}
    fit = imported(tmp_path / "w.pth", state)
    for key, parameter in fit.model.named_parameters():
        assert parameter.dtype == torch.float32
        assert torch.equal(parameter, state[key].float())


def test_buffers_of_the_file_are_not_taken(source: nn.Module, tmp_path: Path) -> None:
    state = source.state_dict()
    buffers = [k for k in state if k.endswith(("relative_position_index", "attn_mask"))]
    assert any(k.endswith("attn_mask") for k in buffers)
    wrong = state | {k: torch.full_like(state[k], 7) for k in buffers}
    fit = imported(tmp_path / "w.pth", wrong)
    assert torch.equal(logits(fit.model), logits(source))


def test_a_file_without_buffers_gives_the_same_logits(source: nn.Module, tmp_path: Path) -> None:
    state = without(source.state_dict(), "relative_position_index", "attn_mask")
    assert torch.equal(logits(imported(tmp_path / "w.pth", state).model), logits(source))


@pytest.mark.parametrize("windows", [(7, 7, 7, 7), (7, 7, 14, 7)])
def test_windows_are_read_off_the_tables(windows: tuple[int, ...], tmp_path: Path) -> None:
    wide = randomized(input_size=(224, 224), windows=windows)
    found = checkpoint.read(save(tmp_path / "w.pth", wide.state_dict()))
    fit = checkpoint.fit(found, NAME, input_size=(224, 224))
    assert torch.equal(logits(fit.model, 224, 224), logits(wide, 224, 224))
    assert f"{windows[2]}x{windows[2]} in stage 3, 7x7 in stage 4" in fit.notes[0]


def test_a_window_larger_than_the_map_names_the_size_that_works(tmp_path: Path) -> None:
    wide = randomized(input_size=(224, 224), windows=(7, 7, 14, 7))
    found = checkpoint.read(save(tmp_path / "w.pth", wide.state_dict()))
    explained = "at input size 64x96; the smallest input size that works is 224x224"
    with pytest.raises(UsageError, match=explained):
        checkpoint.fit(found, NAME)


@pytest.mark.parametrize("classes", [1, 5, 37])
def test_the_number_of_classes_is_read_off_the_head(classes: int, tmp_path: Path) -> None:
    fit = imported(tmp_path / "w.pth", randomized(num_classes=classes).state_dict())
    assert fit.num_classes == classes
    assert logits(fit.model).shape == (2, classes)


def test_another_number_of_classes_is_refused(source: nn.Module, tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    message = refusal(lambda: imported(path, source.state_dict(), num_classes=12))
    assert "has a head of 5 classes, not 12" in message


def test_fitting_leaves_the_random_state_alone(source: nn.Module, tmp_path: Path) -> None:
    torch.manual_seed(7)
    before = torch.get_rng_state()
    imported(tmp_path / "w.pth", source.state_dict())
    assert torch.equal(torch.get_rng_state(), before)


def test_another_models_weights_are_recognised(tmp_path: Path) -> None:
    path = save(tmp_path / "w.pth", models.create("slide_swin_demo").state_dict())
    found = checkpoint.read(path)
    message = refusal(lambda: checkpoint.fit(found, "slide_swin_tiny"))
    assert message.startswith(f"{path} does not fit slide_swin_tiny: patch_embed.proj.weight is ")
    assert "(24, 3, 4, 4), expected (96, 3, 4, 4)" in message
    assert message.endswith(" in all); these are weights of slide_swin_demo")


def test_a_mismatch_names_the_closest_model(tmp_path: Path) -> None:
    state = without(models.create("slide_swin_demo").state_dict(), "mlp.fc2.bias")
    found = checkpoint.read(save(tmp_path / "w.pth", state))
    message = refusal(lambda: checkpoint.fit(found, "swin_tiny"))
    assert message.endswith("; the closest model is slide_swin_demo, which differs in 7 tensors")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({f"{ATTENTION}.extra": torch.ones(3)}, f"{ATTENTION}.extra (3,) is not expected"),
        ({"norm.weight": torch.ones(3)}, "norm.weight is (3,), expected (128,)"),
        (
            {f"{ATTENTION}.relative_position_bias_table": torch.zeros(1, 4, 1, 9, 1, 1)},
            "is (1, 4, 1, 9, 1, 1), expected (1, 2, 1, 9, 1, 1)",  # another number of heads
        ),
        ({"a\nb": torch.ones(1)}, "a\\nb (1,) is not expected"),
        ({f"{ATTENTION}.dep_conv.weight": torch.ones(())}, "dep_conv.weight is (), expected"),
        (
            {f"{ATTENTION}.dep_conv.weight": torch.ones(8, 1, 1, 1)},  # of no neighbour
            "dep_conv.weight is (8, 1, 1, 1), expected (72, 1, 3, 3)",
        ),
        ({"head.weight": torch.ones(())}, "head.weight is (), expected (5, 128)"),
    ],
)
def test_a_mismatch_names_key_found_and_expected(
    change: State, named: str, source: nn.Module, tmp_path: Path
) -> None:
    message = refusal(lambda: imported(tmp_path / "w.pth", source.state_dict() | change))
    assert f"does not fit {NAME}: " in message
    assert named in message


def test_missing_weights_are_named(source: nn.Module, tmp_path: Path) -> None:
    state = without(source.state_dict(), "layers.2.blocks.0.attn.relative_position_bias_table")
    message = refusal(lambda: imported(tmp_path / "w.pth", state))
    assert "layers.2.blocks.0.attn.relative_position_bias_table (9, 4) is missing" in message


def test_a_detectors_backbone_is_named_as_such(tmp_path: Path) -> None:
    state = without(models.create("slide_swin_demo").state_dict(), "head.weight", "head.bias")
    norm = {f"norm3.{kind}": state.pop(f"norm.{kind}") for kind in ("weight", "bias")}
    content = {f"backbone.{k}": v for k, v in (state | norm).items()}
    found = checkpoint.read(save(tmp_path / "w.pth", {"state_dict": content}))
    message = refusal(lambda: checkpoint.fit(found, "slide_swin_demo"))
    assert "has no classifier head (head.weight)" in message
    assert "the backbone of a detector (with a norm behind its stages)" in message
    assert message.endswith("or convert the feature maps alone: --task features")
    fit = checkpoint.fit(found, "slide_swin_demo", headless=True)
    assert torch.equal(fit.model.outputs[3].weight, norm["norm3.weight"])
    assert "the maps of stages 4 are normalized, as in the file" in fit.notes


def test_an_unknown_model_is_named(source: nn.Module, tmp_path: Path) -> None:
    found = checkpoint.read(save(tmp_path / "w.pth", source.state_dict()))
    with pytest.raises(UnknownName, match="did you mean 'slide_swin_tiny'"):
        checkpoint.fit(found, "slide_swin_tyni")


@pytest.mark.isolated
def test_a_file_of_ours_is_read_without_a_child(
    source: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def call(*_: object) -> None:
        raise AssertionError("a child was started")

    monkeypatch.setattr(calling, "_call", call)
    path = save(tmp_path / "w.pth", source.state_dict())
    assert "head.bias" in checkpoint.read(path, ours=True).tensors
    with pytest.raises(AssertionError, match="a child was started"):
        checkpoint.read(path)

"""Parts of the training script whose mistakes nobody would notice."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from slide_mobile import models
from slide_mobile.errors import UsageError
from slide_mobile.preprocess import IMAGENET, normalize
from tools.demo_training.card import BATCH, predict, save
from tools.demo_training.outliers import measure
from tools.demo_training.train import Phase, augment, inherit, render


def test_the_rate_warms_up_and_falls_to_the_last() -> None:
    phase = Phase(size_px=64, steps=300, last_rate=1e-5, peak_rate=1e-3, warmup=100)
    assert phase.rate(0) == pytest.approx(1e-5)
    assert phase.rate(99) == pytest.approx(1e-3)
    assert phase.rate(200) == pytest.approx((1e-3 + 1e-5) / 2)
    assert phase.rate(300) == pytest.approx(1e-5)


def test_full_size_inherits_all_but_the_last_table() -> None:
    half = models.create("slide_swin_demo", input_size=(64, 64), seed=1)
    full = models.create("slide_swin_demo", seed=2)
    before = {name: p.clone() for name, p in full.named_parameters()}
    inherit(full, half)
    trained = dict(half.named_parameters())
    kept = {n for n, p in full.named_parameters() if torch.equal(p, before[n])}
    fixed = {n for n in before if torch.equal(trained[n], before[n])}  # norms, shifts: not random
    assert kept - fixed == {"layers.3.blocks.0.attn.relative_position_bias_table"}
    rest = set(before) - kept
    assert all(torch.equal(dict(full.named_parameters())[n], trained[n]) for n in rest)


def test_saved_weights_restore_the_model_exactly(tmp_path: Path) -> None:
    model = models.create("slide_swin_demo", seed=3)
    save(model, tmp_path / "new" / "demo.safetensors")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["demo.safetensors"]
    other = models.create("slide_swin_demo", seed=4)
    other.load_state_dict(load_file(tmp_path / "new" / "demo.safetensors"), strict=False)
    x = torch.randn(1, 3, 128, 128)
    assert torch.equal(model(x), other(x))


def test_a_cache_of_another_length_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", np.zeros((3, 4, 4, 3), np.uint8))
    with pytest.raises(UsageError, match="holds 3 images, not 5"):
        render(5, tmp_path / "images.npy")


def test_augmentation_moves_pixels_but_keeps_each_image_its_own() -> None:
    # Image i is grey of level i: no mirror, turn or permutation of channels changes that.
    levels = np.arange(40, 240, 10, dtype=np.uint8)
    images = np.broadcast_to(levels[:, None, None, None], (20, 8, 8, 3))
    out = augment(images, 4, np.random.default_rng(0))
    assert out.shape == (20, 3, 4, 4)
    assert (out.std((2, 3)) < 1e-5).all()
    plain = torch.from_numpy(normalize(images, IMAGENET)).mean((1, 2, 3))
    correlation = torch.corrcoef(torch.stack([plain, out.mean((1, 2, 3))]))[0, 1]
    assert correlation > 0.9


def test_predict_batches_are_one_answer_an_image() -> None:
    model = models.create("slide_swin_test")
    images = np.random.default_rng(0).integers(0, 256, (BATCH + 1, 64, 96, 3), np.uint8)
    split = [*predict(model, images[:7]), *predict(model, images[7:])]
    assert predict(model, images).tolist() == split
    assert predict(model, images[:0]).shape == (0,)


def test_measure_ranks_a_channel_that_sticks_out_first() -> None:
    model = models.create("slide_swin_test")
    images = np.random.default_rng(0).integers(0, 256, (4, 64, 96, 3), np.uint8)
    linears = {n for n, m in model.named_modules() if isinstance(m, torch.nn.Linear)}
    assert linears <= {spread.tensor for spread in measure(model, images)}
    norm = model.get_submodule("layers.1.blocks.0.norm2")
    assert isinstance(norm, torch.nn.LayerNorm)
    with torch.no_grad():
        norm.weight[3] = 100
    first = measure(model, images)[0]
    assert first.tensor == "layers.1.blocks.0.mlp.fc1"
    assert first.max_over_rms > 6

"""Backbones on a target in memory: what check finds and refuses, and the floor of the worst map."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fake_converter import FakeConverter, Layers, install
from msgspec.structs import replace
from PIL import Image
from safetensors.numpy import load_file as load_tensors
from safetensors.numpy import save_file as save_tensors
from safetensors.torch import save_file
from torch import nn

import slide_mobile
from slide_mobile import models, recipes
from slide_mobile.artifact import manifest as manifests
from slide_mobile.artifact.folder import ArtifactFolder, digests
from slide_mobile.demo.render import render_many
from slide_mobile.errors import GateFailed, UsageError
from slide_mobile.parity.check_result import ParityFailed
from slide_mobile.parity.reference import Reference
from slide_mobile.parity.source import CalibrationImages, ModelSource
from slide_mobile.pipeline import convert
from slide_mobile.recipes import Recipe
from slide_mobile.targets.format import Format

MODEL, SIZE = "slide_swin_test", (96, 160)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights, norms and biases included."""
    path = tmp_path_factory.mktemp("weights") / "weights.safetensors"
    torch.manual_seed(0)
    tensors = models.create(MODEL).state_dict()
    for tensor in tensors.values():
        if tensor.is_floating_point():
            tensor += (0.3 if tensor.ndim == 1 else 0.1) * torch.randn(tensor.shape)
    save_file({key: x.contiguous() for key, x in tensors.items()}, path)
    return path


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of images of the input size."""
    folder = tmp_path_factory.mktemp("photos")
    for i, image in enumerate(render_many(3, 40, max(SIZE))[0]):
        Image.fromarray(np.asarray(image)[: SIZE[0], : SIZE[1]]).save(folder / f"{i:02d}.png")
    return folder


def converted(checkpoint: Path, photos: Path, recipe: str, out: Path) -> ArtifactFolder:
    """The maps of the model, on the target in memory."""
    return slide_mobile.convert(
        ModelSource(MODEL, input_size=SIZE, checkpoint=checkpoint),
        to=Format("fake", recipe, task="features"),
        calibration=CalibrationImages(photos, 8),
        out=out,
    )


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeConverter:
    """A target in memory."""
    converter = FakeConverter()
    install(monkeypatch, converter)
    return converter


@pytest.fixture
def in_memory(
    checkpoint: Path, photos: Path, fake: FakeConverter, tmp_path: Path
) -> ArtifactFolder:
    """Maps of a target in memory, to be edited."""
    return converted(checkpoint, photos, "fp32", tmp_path / "in_memory")


def test_images_and_modules_need_the_checkpoint(in_memory: ArtifactFolder, photos: Path) -> None:
    with pytest.raises(UsageError, match="give the --checkpoint whose sha256"):
        slide_mobile.check(in_memory.root, folder=photos)
    with pytest.raises(UsageError, match=r"^--modules needs the reference model"):
        slide_mobile.check(in_memory.root, modules=True)


def test_images_of_yours_need_no_class_folders(
    in_memory: ArtifactFolder, checkpoint: Path, photos: Path
) -> None:
    result = slide_mobile.check(in_memory.root, folder=photos, checkpoint=checkpoint)
    assert result.parity.passed and result.parity.samples == 8


def spoil(stage: int) -> Callable[..., nn.Module]:
    """A `Reference.deployed` whose map of one stage is off."""
    exact = Reference.deployed

    class Off(nn.Module):
        def forward(self, x: Any) -> Any:
            return x * 1.01

    def spoilt(self: Reference, *args: Any) -> nn.Module:
        form: Any = exact(self, *args)
        form.outputs[stage - 1] = nn.Sequential(form.outputs[stage - 1], Off())
        return form

    return spoilt


@pytest.mark.parametrize("stage", [1, 3])
def test_one_map_that_is_off_fails_the_conversion(
    stage: int,
    checkpoint: Path,
    photos: Path,
    fake: FakeConverter,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Reference, "deployed", spoil(stage))
    with pytest.raises(GateFailed, match=rf"stage{stage} have an SQNR of 40\.0 dB"):
        converted(checkpoint, photos, "fp32", tmp_path)
    monkeypatch.setattr(convert, "MIN_DEPLOY_SQNR_DB", 30)
    with pytest.raises(ParityFailed, match=f"stage{stage}: SQNR 40.0 dB, the floor") as caught:
        converted(checkpoint, photos, "fp32", tmp_path)
    assert len(caught.value.result.document().failures) == 1
    assert list(tmp_path.iterdir()) == [caught.value.report]


def test_int8_gives_modules_back_for_the_worst_map(
    checkpoint: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decibels(recipe: Recipe, modules: Layers) -> float:
        return recipe.min_sqnr_db + (1 if modules else -1)

    install(monkeypatch, FakeConverter(decibels=decibels))
    art = converted(checkpoint, photos, "int8", tmp_path)
    assert art.manifest.float_modules
    assert art.manifest.parity.sqnr_db >= recipes.lookup("int8").min_sqnr_db


def with_true_digests(art: ArtifactFolder) -> None:
    """Make the manifest match the files as they are now."""
    manifests.write(art.root, replace(art.manifest, files=digests(art.root)))


def test_edited_golden_maps_are_found(in_memory: ArtifactFolder, checkpoint: Path) -> None:
    path = in_memory.root / "golden/00.safetensors"
    tensors = load_tensors(path)
    tensors["stage2"][0, 0] += 1
    save_tensors(tensors, path)
    with pytest.raises(GateFailed, match=r"00\.safetensors does not match the manifest"):
        slide_mobile.check(in_memory.root)
    with_true_digests(in_memory)
    assert not slide_mobile.check(in_memory.root).parity.passed
    with pytest.raises(GateFailed, match="golden stage2"):
        slide_mobile.check(in_memory.root, checkpoint=checkpoint)


def test_a_classifier_in_place_of_a_backbone_is_refused(
    in_memory: ArtifactFolder, checkpoint: Path, tmp_path: Path
) -> None:
    art = slide_mobile.convert(
        ModelSource(MODEL, input_size=SIZE, checkpoint=checkpoint),
        to=Format("fake", "fp32"),
        out=tmp_path / "classifier",
    )
    with pytest.raises(
        UsageError, match="not artifacts of the same model: task classify and features"
    ):
        slide_mobile.compare([art.root, in_memory.root])
    shutil.copy(art.model_path, in_memory.model_path)
    with_true_digests(in_memory)
    with pytest.raises(UsageError, match="has the outputs logits instead of stage1, stage2"):
        slide_mobile.check(in_memory.root)

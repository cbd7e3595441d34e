"""`predict`: what a model file answers for images, from Python, with a target in memory."""

from pathlib import Path

import numpy as np
import pytest
from fake_converter import FakeConverter, install
from PIL import Image

import slide_mobile
from slide_mobile.artifact import golden
from slide_mobile.errors import ArtifactError, GateFailed, UsageError
from slide_mobile.parity import reference
from slide_mobile.parity.source import ModelSource
from slide_mobile.pipeline import predict
from slide_mobile.pipeline.artifact import Artifact
from slide_mobile.pipeline.convert import convert
from slide_mobile.preprocess import UnreadableImage, load
from slide_mobile.targets.format import Format

MODEL = "slide_swin_test"


@pytest.fixture
def artifact(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Artifact:
    """A classifier of five classes, 64 x 96 pixels, with random weights."""
    install(monkeypatch, FakeConverter(decibels=lambda recipe, modules: 150))
    return convert(ModelSource(MODEL, untrained=True), to=Format("fake", "fp32"), out=tmp_path)


def photo(path: Path, size: tuple[int, int] = (200, 100)) -> Path:
    """A picture of random blocks."""
    blocks = np.random.default_rng(0).integers(0, 255, (5, 10, 3), dtype=np.uint8)
    Image.fromarray(blocks).resize(size).save(path)
    return path


def test_probabilities_are_the_softmax_of_pytorchs_logits(
    artifact: Artifact, tmp_path: Path
) -> None:
    path = photo(tmp_path / "photo.png")
    ref = reference.load(ModelSource(MODEL, untrained=True))
    logits = ref.outputs(load(path, (64, 96))[None])["logits"][0]
    expected = np.exp(logits) / np.exp(logits).sum()
    found = artifact.predict(path)
    assert [item.index for item in found.classes] == list(np.argsort(-expected))
    for item in found.classes:
        assert item.label == f"class {item.index}"
        assert item.probability == pytest.approx(expected[item.index], abs=1e-5)
    assert sum(item.probability for item in found.classes) == pytest.approx(1)


def test_a_path_an_image_and_an_array_are_the_same(artifact: Artifact, tmp_path: Path) -> None:
    path = photo(tmp_path / "photo.png")
    opened = Image.open(path)
    answers = [artifact.predict(x, top=2) for x in (path, str(path), opened, np.asarray(opened))]
    assert [each.classes for each in answers] == [answers[0].classes] * 4
    assert answers[1].image == str(path) and answers[3].image == ""


def test_golden_images_give_the_recorded_logits(artifact: Artifact) -> None:
    for image, item in zip(golden.images(artifact), artifact.manifest.golden, strict=True):
        np.testing.assert_allclose(artifact.outputs(image)["logits"][0], item.logits, atol=1e-4)


def test_the_model_is_loaded_once(
    artifact: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = photo(tmp_path / "photo.png")
    artifact.predict(path)
    monkeypatch.setattr(Artifact, "verify", lambda self: pytest.fail("loaded again"))
    artifact.predict(path)
    with pytest.raises(pytest.fail.Exception):
        Artifact.load(artifact.root).predict(path)


def test_a_changed_file_gives_no_answer(artifact: Artifact, tmp_path: Path) -> None:
    artifact.model_path.write_bytes(b"other")
    with pytest.raises(GateFailed, match="does not match the manifest"):
        Artifact.load(artifact.root).predict(photo(tmp_path / "photo.png"))


def test_a_file_that_computes_nan_gives_no_answer(
    artifact: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    logits = np.float32([[1.0, np.nan]])
    monkeypatch.setattr(predict, "run", lambda *_, **__: {"logits": logits})
    with pytest.raises(ArtifactError, match=r"computes NaN or infinite values \(logits\)"):
        artifact.predict(golden.image(artifact, artifact.manifest.golden[0]))


@pytest.mark.parametrize(
    "array",
    [np.zeros((8, 8, 3), np.float32), np.zeros((8, 8), np.uint8), np.zeros((8, 8, 4), np.uint8)],
)
def test_an_array_that_is_no_rgb_image_is_refused(
    artifact: Artifact, array: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
) -> None:
    with pytest.raises(UsageError, match=r"RGB bytes of shape \(H, W, 3\)"):
        artifact.predict(array)


def test_unreadable_images_are_named_and_the_others_answered(
    artifact: Artifact, tmp_path: Path
) -> None:
    good, bad = photo(tmp_path / "photo.png"), tmp_path / "bad.png"
    bad.write_bytes(b"no image")
    document = predict.predict(artifact.root, [bad, good], top=1).document
    assert [each.image for each in document.predictions] == [str(good)]
    assert len(document.unreadable) == 1 and str(bad) in document.unreadable[0]
    with pytest.raises(UnreadableImage, match="not a readable image"):
        predict.predict(artifact.root, [bad])


def test_images_are_found_in_folders(tmp_path: Path) -> None:
    inner = tmp_path / "photos" / "cats"
    inner.mkdir(parents=True)
    first, second = photo(tmp_path / "a.png"), photo(inner / "b.png")
    assert predict.image_files([first, tmp_path / "photos"]) == [first, second]
    with pytest.raises(UsageError, match="there is no image"):
        predict.image_files([tmp_path / "none.png"])


def test_feature_maps_are_described_and_drawn(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install(monkeypatch, FakeConverter(decibels=lambda recipe, modules: 150))
    source = ModelSource(MODEL, untrained=True)
    art = convert(source, to=Format("fake", "fp32", task="features"), out=tmp_path)
    path = photo(tmp_path / "photo.png")
    answers = predict.predict(art.root, [path], pictures=True)
    (found,) = answers.document.predictions
    outputs = art.outputs(path)
    assert [item.name for item in found.maps] == ["stage1", "stage2", "stage3", "stage4"]
    for item in found.maps:
        x = outputs[item.name]
        assert item.shape == x.shape and item.lowest == pytest.approx(x.min(), rel=1e-5)
        picture = answers.pictures[0, item.name]
        assert picture.shape == x.shape[1:3] and picture.max() == 255
        brightest = np.unravel_index(np.abs(x[0]).mean(-1).argmax(), picture.shape)
        assert picture[brightest] == 255
    assert art.predict(path).classes == ()


def test_the_table_of_a_notebook_escapes_what_files_say(artifact: Artifact) -> None:
    html = slide_mobile.Artifact.load(str(artifact.root))._repr_html_()
    assert "slide_swin_test, untrained" in html and "passed" in html
    hostile = Artifact(root=Path("<b>x"), manifest=artifact.manifest, manifest_sha256="")
    assert "<b>" not in hostile._repr_html_()

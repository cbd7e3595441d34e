"""The choice of the calibration set and the evaluation set."""

from itertools import count
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from slide_mobile import recipes
from slide_mobile.errors import UsageError
from slide_mobile.parity import datasets, reference
from slide_mobile.parity.reference import Reference
from slide_mobile.parity.source import CalibrationImages, ModelSource
from slide_mobile.progress import silent


@pytest.fixture(scope="module")
def untrained() -> Reference:
    return reference.load(ModelSource("slide_swin_test", untrained=True))


@pytest.fixture(scope="module")
def trained(untrained: Reference) -> Reference:
    from dataclasses import replace

    return replace(untrained, trained=True, checkpoint_sha256="0" * 64)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    draw = np.random.default_rng(0)
    for i in range(40):
        pixels = draw.integers(0, 256, (64, 96, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{i:03d}.png")
    return tmp_path


def gather(
    ref: Reference, recipe: str, folder: Path | None = None, samples: int = 4, full: bool = False
):
    images = CalibrationImages(folder, samples)
    return datasets.gather(ref, recipes.lookup(recipe), images, silent, full=full)


def keys(images: np.ndarray) -> set[bytes]:
    return {image.tobytes() for image in images}


def test_calibration_and_comparison_share_no_image_where_there_are_enough(
    trained: Reference, photos: Path
) -> None:
    found = gather(trained, "int8", photos)
    assert found.calibration is not None
    assert (len(found.calibration), len(found.evaluation)) == (4, 36)
    assert found.notes == ()
    assert not keys(found.calibration.pixels) & keys(found.evaluation.pixels)


@pytest.mark.parametrize(("samples", "learned"), [(39, 22), (64, 27), (1, 1)])
def test_a_folder_with_too_few_images_is_split_and_shares_none(
    samples: int, learned: int, trained: Reference, photos: Path
) -> None:
    found = gather(trained, "int8", photos, samples=samples)
    assert found.calibration is not None
    assert (len(found.calibration), len(found.evaluation)) == (learned, 40 - learned)
    assert not keys(found.calibration.pixels) & keys(found.evaluation.pixels)
    said = f"{learned} were calibrated on, and the file was compared on the other {40 - learned}"
    assert [said in note for note in found.notes] == ([] if samples == 1 else [True])


def test_two_images_are_split_and_one_is_refused(trained: Reference, photos: Path) -> None:
    for path in sorted(photos.iterdir())[2:]:
        path.unlink()
    found = gather(trained, "int8", photos)
    assert found.calibration is not None
    assert (len(found.calibration), len(found.evaluation)) == (1, 1)
    (photos / "000.png").unlink()
    with pytest.raises(UsageError, match="has one image: int8 needs one to calibrate on"):
        gather(trained, "int8", photos)


def test_an_image_of_one_colour_is_noted(trained: Reference, photos: Path) -> None:
    Image.new("RGB", (96, 64), (7, 8, 9)).save(photos / "plain.png")
    found = gather(trained, "fp32", photos)
    assert found.notes == ("plain.png is of one colour, (7, 8, 9): is it an image?",)


def test_a_float_format_is_compared_on_every_image(trained: Reference, photos: Path) -> None:
    found = gather(trained, "fp32", photos)
    assert found.calibration is None and len(found.evaluation) == 40


def test_a_corrupt_image_is_named_once(trained: Reference, photos: Path) -> None:
    (photos / "999.png").write_bytes(b"broken")
    found = gather(trained, "int8", photos, samples=40)
    assert [line.count("999.png") for line in found.notes] == [1, 0]  # the other is on the split


def test_int8_of_a_trained_model_never_learns_from_other_images(trained: Reference) -> None:
    with pytest.raises(UsageError, match="give --calibration DIR"):
        gather(trained, "int8")


def test_untrained_weights_are_calibrated_on_drawings_at_any_shape(untrained: Reference) -> None:
    found = gather(untrained, "int8")
    assert found.calibration is not None
    assert found.calibration.pixels.shape == (4, 64, 96, 3)
    assert found.evaluation.labels is None  # the drawings' classes are not the model's
    assert not keys(found.calibration.pixels) & keys(found.evaluation.pixels)


def test_maps_are_compared_on_few_images_without_labels(photos: Path) -> None:
    ref = reference.load(ModelSource(), "features")
    assert len(gather(ref, "fp32").evaluation) == datasets.COMPARED_MAPS
    found = gather(ref, "int8", photos)
    assert found.evaluation.labels is None and found.evaluation.source == photos.name
    assert len(found.evaluation) == datasets.COMPARED_MAPS


def test_the_demo_is_compared_on_its_labelled_held_out_drawings() -> None:
    ref = reference.load(ModelSource())
    found = gather(ref, "fp32")
    assert found.evaluation.labels is not None
    counts = [found.evaluation.labels.count(i) for i in range(12)]
    assert counts == [datasets.COMPARED_DRAWINGS // 12] * 12
    everything = gather(ref, "fp32", full=True).evaluation
    assert len(everything) == 2400
    assert np.array_equal(everything.pixels[: len(found.evaluation)], found.evaluation.pixels)


def test_images_in_memory_are_split_as_those_of_a_folder(trained: Reference) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (40, 64, 96, 3), dtype=np.uint8)
    opened = [Image.fromarray(image) for image in pixels]
    for given in (pixels, opened, (image for image in pixels)):
        images = CalibrationImages(samples=64, images=given)
        found = datasets.gather(trained, recipes.lookup("int8"), images, silent)
        assert found.calibration is not None
        assert (len(found.calibration), len(found.evaluation)) == (27, 13)
        both = keys(found.calibration.pixels) | keys(found.evaluation.pixels)
        assert both == keys(pixels) and found.calibration.source == "images in memory"
        assert "27 were calibrated on" in found.notes[0]


def test_of_endless_images_only_those_that_are_wanted_are_taken(trained: Reference) -> None:
    draw = np.random.default_rng(2)
    endless = (draw.integers(0, 256, (64, 96, 3), dtype=np.uint8) for _ in count())
    images = CalibrationImages(samples=3, images=endless)
    found = datasets.gather(trained, recipes.lookup("int8"), images, silent)
    assert found.calibration is not None
    assert (len(found.calibration), len(found.evaluation)) == (3, datasets.COMPARED)


def test_what_is_no_image_in_memory_is_refused(trained: Reference) -> None:
    said = {
        "used only once": iter(()),
        "not a str": ["photo.jpg"],
        r"not uint8 of \(96, 3\)": np.zeros((64, 96, 3), np.uint8),
        r"not float32 of \(64, 96, 3\)": np.zeros((2, 64, 96, 3), np.float32),
    }
    for match, given in said.items():
        images = CalibrationImages(samples=4, images=given)
        with pytest.raises(UsageError, match=match):
            datasets.gather(trained, recipes.lookup("int8"), images, silent)
    with pytest.raises(UsageError, match="not both"):
        CalibrationImages("photos", images=[])

"""From image files to bytes at input size."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from slide_mobile import preprocess
from slide_mobile.errors import UsageError
from slide_mobile.parity import images
from slide_mobile.preprocess import IMAGENET, Normalization, UnreadableImage


def picture(path: Path, height: int = 40, width: int = 60, **options: object) -> Path:
    draw = np.random.default_rng(0)
    pixels = draw.integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, **options)
    return path


def test_an_image_of_the_right_size_is_taken_as_it_is(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png")
    assert np.array_equal(preprocess.load(path, (40, 60)), np.asarray(Image.open(path)))


def test_the_crop_is_central_and_keeps_the_shape_of_the_input(tmp_path: Path) -> None:
    pixels = np.zeros((100, 200, 3), np.uint8)
    pixels[:, 100:] = 255  # the right half is white
    Image.fromarray(pixels).save(tmp_path / "half.png")
    found = preprocess.load(tmp_path / "half.png", (64, 32))
    assert found.shape == (64, 32, 3)
    assert found[:, :14].max() < 20 and found[:, 18:].min() > 235


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png", 32, 64)
    upright = Image.open(path).rotate(90, expand=True)
    turned = Image.Exif()
    turned[0x0112] = 8  # shown rotated by 90 degrees
    Image.open(path).save(tmp_path / "b.png", exif=turned)
    assert np.array_equal(preprocess.load(tmp_path / "b.png", (64, 32)), np.asarray(upright))


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "1"])
def test_other_colour_modes_become_rgb(mode: str, tmp_path: Path) -> None:
    suffix = "jpg" if mode == "CMYK" else "png"
    Image.open(picture(tmp_path / "a.png")).convert(mode).save(tmp_path / f"b.{suffix}")
    assert preprocess.load(tmp_path / f"b.{suffix}", (32, 32)).shape == (32, 32, 3)


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x89PNG\r\n\x1a\nrest"])
def test_what_is_no_image_is_refused_by_name(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(content)
    with pytest.raises(UnreadableImage, match=r"bad\.png is not a readable image"):
        preprocess.load(tmp_path / "bad.png", (32, 32))


def test_a_truncated_image_is_refused(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.jpg")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(UnreadableImage):
        preprocess.load(path, (32, 32))


def test_a_decompression_bomb_is_refused(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(UnreadableImage):
        preprocess.load(picture(tmp_path / "a.png"), (32, 32))


def test_normalize_is_torchvisions(tmp_path: Path) -> None:
    pixels = np.full((1, 2, 3, 3), (0, 128, 255), np.uint8)
    found = preprocess.normalize(pixels, IMAGENET)
    assert found.shape == (1, 3, 2, 3) and found.dtype == np.float32
    expected = (np.array([0, 128, 255]) / 255 - IMAGENET.mean) / IMAGENET.std
    assert found[0, :, 0, 0] == pytest.approx(expected, rel=1e-6)


def test_a_zero_deviation_is_refused() -> None:
    with pytest.raises(UsageError, match="std positive"):
        Normalization(mean=(0, 0, 0), std=(1, 0, 1))


def test_a_mean_that_is_no_number_is_refused() -> None:
    with pytest.raises(UsageError, match="must be finite"):
        Normalization(mean=(0, float("nan"), 0), std=(1, 1, 1))


def test_a_corrupt_image_among_good_ones_is_skipped_and_named(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"broken")
    found = images.read(preprocess.find(tmp_path), (32, 32), source="here")
    assert len(found) == 1
    assert len(found.skipped) == 1 and "b.png" in found.skipped[0]


def test_only_corrupt_images_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "b.png").write_bytes(b"broken")
    with pytest.raises(UsageError, match="no image in here can be read"):
        images.read(preprocess.find(tmp_path), (32, 32), source="here")


def test_a_folder_without_images_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(UsageError, match="contains no images"):
        preprocess.find(tmp_path)


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a folder"):
        preprocess.find(tmp_path / "nowhere")


def test_class_folders_give_labels(tmp_path: Path) -> None:
    for name in ("cat", "1"):
        (tmp_path / name).mkdir()
        picture(tmp_path / name / "x.png")
    found = images.read_labelled(tmp_path, (32, 32), ["cat", "dog"])
    assert sorted(found.labels or ()) == [0, 1]


def test_a_folder_that_names_no_class_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "bird").mkdir()
    picture(tmp_path / "bird" / "x.png")
    with pytest.raises(UsageError, match="bird is not named after a class"):
        images.read_labelled(tmp_path, (32, 32), ["cat", "dog"])


def test_a_16_bit_grey_image_is_scaled_not_clipped(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 32 * 32).astype(np.uint16).reshape(32, 32)
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    found = preprocess.load(tmp_path / "ramp.png", (32, 32))
    assert np.abs(found[..., 0].astype(int) - ramp // 257).max() <= 1


def test_linked_folders_are_followed_once(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    picture(tmp_path / "real" / "x.png")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "cat").symlink_to(tmp_path / "real")
    (tmp_path / "in" / "loop").symlink_to(tmp_path / "in")
    assert [p.name for p in preprocess.find(tmp_path / "in")] == ["x.png"]


def test_a_spread_takes_part_of_everything() -> None:
    paths = [Path(str(i)) for i in range(10)]
    assert [p.name for p in images.spread(paths, 4)] == ["0", "2", "5", "7"]
    assert images.spread(paths, 99) == paths


@pytest.mark.parametrize(
    ("values", "white"),
    [
        (np.float32, 1.0),
        (np.float32, 255.0),
        (np.int32, 255),
        (np.int32, 65_535),
        (np.uint16, 65_535),
    ],
)
def test_wide_grey_of_a_tiff_is_not_black(values: type, white: float, tmp_path: Path) -> None:
    ramp = np.linspace(0, white, 32 * 32).reshape(32, 32).astype(values)
    Image.fromarray(ramp).save(tmp_path / "wide.tif")
    found = preprocess.load(tmp_path / "wide.tif", (32, 32))[..., 0]
    assert (found[0, 0], found[-1, -1]) == (0, 255)
    assert 120 < found[16, 0] < 135


@pytest.mark.parametrize("suffix", ["ppm", "pgm"])
def test_netpbm_is_read(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.open(picture(tmp_path / "a.png")).convert("L" if suffix == "pgm" else "RGB").save(path)
    assert path in preprocess.find(tmp_path)
    assert np.array_equal(
        preprocess.load(path, (40, 60)), np.asarray(Image.open(path).convert("RGB"))
    )


def test_heic_names_what_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic")
    with pytest.raises(UnreadableImage, match=r"HEIC needs pillow-heif: pip install 'slide-mob"):
        preprocess.load(tmp_path / "a.heic", (32, 32))


def test_heic_is_read(tmp_path: Path) -> None:
    heif = pytest.importorskip("pillow_heif")
    heif.register_heif_opener()
    ramp = np.broadcast_to(np.linspace(0, 255, 60).astype(np.uint8)[None, :, None], (40, 60, 3))
    Image.fromarray(np.ascontiguousarray(ramp)).save(tmp_path / "a.heic", quality=100)
    found = preprocess.load(tmp_path / "a.heic", (40, 60)).astype(int)
    assert abs(found - ramp).mean() < 2

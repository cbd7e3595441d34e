"""Images that are damaged, foreign or absurd: skipped by name, in little memory and at once."""

import io
import resource
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hostile_files import KINDS, put
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from slide_mobile.errors import UsageError
from slide_mobile.parity import images
from slide_mobile.preprocess import SUFFIXES, UnreadableImage, load

SIZE = (32, 64)
SEEDED = settings(
    derandomize=True,
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
ENCODED = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "DDS", "GIF", "PPM", "TGA", "AVIF")


def encoded(kind: str) -> bytes:
    """A small image in a format."""
    draw = np.random.default_rng(0)
    made = io.BytesIO()
    Image.fromarray(draw.integers(0, 256, (40, 70, 3), dtype=np.uint8)).save(made, kind)
    return made.getvalue()


GOOD = {kind: encoded(kind) for kind in ENCODED}


def png(width: int, height: int) -> bytes:
    """A PNG of one colour, of a few kilobytes whatever its size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    rows = zlib.compress(bytes(height * (1 + (width + 7) // 8)), 9)
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@SEEDED
@given(
    kind=st.sampled_from(ENCODED),
    suffix=st.sampled_from(sorted(SUFFIXES)),
    cut=st.floats(0, 1),
    edits=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8),
)
def test_damaged_bytes_are_an_image_or_a_line(
    kind: str, suffix: str, cut: float, edits: list[tuple[float, int]], tmp_path: Path
) -> None:
    data = bytearray(GOOD[kind][: int(cut * len(GOOD[kind])) or 1])
    for place, value in edits:
        # Headers are at the beginning.
        data[int(place**3 * len(data))] = value
    path = tmp_path / f"a{suffix}"
    path.write_bytes(data)
    try:
        assert load(path, SIZE).shape == (*SIZE, 3)
    except UnreadableImage as error:
        assert str(path) in str(error) and "\n" not in str(error) and len(str(error)) < 500


@pytest.mark.parametrize(
    ("width", "height"),
    [(1, 30_000_000), (30_000_000, 1), (32_769, 8), (8, 32_769), (20_000, 20_000)],
)
def test_absurd_sizes_are_refused_before_they_are_decoded(
    width: int, height: int, tmp_path: Path
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png(width, height) if width * height < 10**8 else png(1, 1)[:16] + struct.pack(
        ">II", width, height) + png(1, 1)[24:])  # fmt: skip
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UnreadableImage):
        load(path, SIZE)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KiB


def test_a_long_image_within_the_limit_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(8, 32_768))
    assert load(tmp_path / "a.png", SIZE).shape == (*SIZE, 3)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_file_is_skipped_by_name(kind: str, tmp_path: Path) -> None:
    with pytest.raises(UnreadableImage):
        load(put(kind, tmp_path / "a.png"), SIZE)
    (tmp_path / "b.png").write_bytes(GOOD["PNG"])
    found = images.read([tmp_path / "a.png", tmp_path / "b.png"], SIZE, source="here")
    assert len(found) == 1 and len(found.skipped) == 1 and "a.png" in found.skipped[0]


def test_an_unreadable_image_takes_its_label_along(tmp_path: Path) -> None:
    for name, data in (("cat/0", b"bad"), ("cat/1", GOOD["PNG"]), ("dog/0", GOOD["JPEG"])):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.png").write_bytes(data)
    found = images.read_labelled(tmp_path, SIZE, ["dog", "cat"])
    assert found.labels == (1, 0) and len(found.pixels) == 2


@pytest.mark.parametrize("kind", ["DDS", "GIF", "TGA", "AVIF"])
def test_other_formats_are_not_decoded_under_another_name(kind: str, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(GOOD[kind])
    with pytest.raises(UsageError, match="unknown format"):
        images.read([tmp_path / "a.png"], SIZE, source="here")

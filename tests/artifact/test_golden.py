"""Golden images: what is recorded of PyTorch's maps, and which damage is refused."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from artifact_folders import IMAGE, folder
from PIL import Image
from safetensors.numpy import load_file, save_file

from slide_mobile.artifact import golden
from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.artifact.manifest import Output
from slide_mobile.errors import GateFailed

IMAGES = np.random.default_rng(0).integers(0, 256, (2, 32, 64, 3), dtype=np.uint8)
SHAPES = {"stage1": (8, 16, 4), "stage2": (4, 8, 6), "stage3": (2, 4, 6), "stage4": (1, 2, 8)}
DRAW = np.random.default_rng(1)
MAPS = {name: DRAW.normal(size=(2, *shape)).astype("f4") for name, shape in SHAPES.items()}


@pytest.fixture
def art(tmp_path: Path) -> ArtifactFolder:
    written = tuple(golden.write(tmp_path, i, IMAGES[i], MAPS, None) for i in range(2))
    outputs = tuple(
        Output(name=name, shape=(1, c, h, w), dtype="float32", layout="NCHW")  # type: ignore
        for name, (h, w, c) in SHAPES.items()
    )
    manifest: Any = SimpleNamespace(golden=written, is_classifier=False, outputs=outputs)
    return ArtifactFolder(root=tmp_path, manifest=manifest, manifest_sha256="")


def test_all_channels_at_some_places_are_kept(art: ArtifactFolder) -> None:
    found = golden.read(art)
    assert {name: x.shape for name, x in found.outputs.items()} == {
        "stage1": (2, 64, 4), "stage2": (2, 32, 6), "stage3": (2, 8, 6), "stage4": (2, 2, 8)
    }  # fmt: skip
    for name, places in found.places.items():
        for image in range(2):
            rows, columns = places[image].T
            assert len(set(zip(rows, columns, strict=True))) == len(places[image])
            np.testing.assert_array_equal(
                found.outputs[name][image], MAPS[name][image, rows, columns]
            )
    assert not np.array_equal(*found.places["stage1"])  # each image is looked at elsewhere


def test_other_maps_are_seen_at_the_same_places(art: ArtifactFolder) -> None:
    recorded = golden.read(art)
    seen = recorded.seen_in({name: x + 1 for name, x in MAPS.items()})
    for name, x in recorded.outputs.items():
        np.testing.assert_array_equal(seen[name], x + 1)


def test_the_same_maps_give_the_same_bytes(art: ArtifactFolder, tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    again = golden.write(tmp_path / "again", 1, IMAGES[1], MAPS, None)
    assert again == art.manifest.golden[1]
    assert again.logits is None and again.maps == "golden/01.safetensors"


def test_an_image_is_exact_bytes_that_any_viewer_opens(tmp_path: Path) -> None:
    art = folder(tmp_path)
    path = tmp_path / "golden/00.ppm"
    assert path.read_bytes() == b"P6\n9 8\n255\n" + IMAGE.tobytes()
    np.testing.assert_array_equal(np.asarray(Image.open(path)), IMAGE)
    np.testing.assert_array_equal(golden.image(art, art.manifest.golden[0]), IMAGE)
    np.testing.assert_array_equal(golden.images(art), IMAGE[None])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"P6\n9 8\n255\n" + IMAGE.tobytes()[:-1],
        b"P6\n9 8\n255\n" + IMAGE.tobytes() + b"\0",
        b"P6\n8 9\n255\n" + IMAGE.tobytes(),
        b"P6 9 8 255 " + IMAGE.tobytes(),
        b"P3\n9 8\n255\n" + IMAGE.tobytes(),
    ],
    ids=["empty", "short", "long", "turned", "other white space", "text"],
)
def test_any_other_bytes_are_no_golden_image(content: bytes, tmp_path: Path) -> None:
    art = folder(tmp_path)
    (tmp_path / "golden/00.ppm").write_bytes(content)
    with pytest.raises(GateFailed, match=r"00\.ppm is not a 9 x 8 PPM image; convert the model"):
        golden.images(art)


def test_logits_stay_in_the_manifest(tmp_path: Path) -> None:
    logits = np.array([[0.5, 1.0], [2.0, 3.0]], np.float32)
    found = golden.write(tmp_path, 1, IMAGES[1], {"logits": logits}, "cat")
    assert (found.logits, found.label, found.maps) == ((2.0, 3.0), "cat", None)
    assert [path.name for path in (tmp_path / "golden").iterdir()] == ["01.ppm"]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def without_a_map(path: Path) -> None:
    tensors = load_file(path)
    del tensors["stage2"]
    save_file(tensors, path)


def another_shape(path: Path) -> None:
    tensors = load_file(path)
    tensors["stage3"] = tensors["stage3"][:, :-1].copy()
    save_file(tensors, path)


def places_outside(path: Path) -> None:
    tensors = load_file(path)
    tensors["stage1.places"][5, 0] = 8
    save_file(tensors, path)


@pytest.mark.parametrize("damage", [cut, without_a_map, another_shape, places_outside, Path.unlink])
def test_a_damaged_file_of_maps_is_refused_in_one_line(damage: Any, art: ArtifactFolder) -> None:
    damage(art.root / "golden/01.safetensors")
    with pytest.raises(GateFailed, match=r"01\.safetensors .*; convert the model again") as caught:
        golden.read(art)
    assert "\n" not in str(caught.value)

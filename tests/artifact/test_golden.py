"""What is recorded of PyTorch's maps for the golden images, and what of a file it is held to."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from slide_mobile.artifact import golden
from slide_mobile.artifact.folder import Artifact
from slide_mobile.errors import GateFailed

IMAGES = np.random.default_rng(0).integers(0, 256, (2, 32, 64, 3), dtype=np.uint8)
SHAPES = {"stage1": (8, 16, 4), "stage2": (4, 8, 6), "stage3": (2, 4, 6), "stage4": (1, 2, 8)}
DRAW = np.random.default_rng(1)
MAPS = {name: DRAW.normal(size=(2, *shape)).astype("f4") for name, shape in SHAPES.items()}


@pytest.fixture
def art(tmp_path: Path) -> Artifact:
    (tmp_path / "golden").mkdir()
    written = tuple(golden.write(tmp_path, i, IMAGES[i], MAPS, None) for i in range(2))
    outputs = tuple(
        {"name": name, "shape": [1, c, h, w], "dtype": "float32", "layout": "NCHW"}
        for name, (h, w, c) in SHAPES.items()
    )
    manifest: Any = SimpleNamespace(golden=written, task="features", outputs=outputs)
    return Artifact(root=tmp_path, manifest=manifest)


def test_all_channels_at_some_places_are_kept(art: Artifact) -> None:
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


def test_other_maps_are_seen_at_the_same_places(art: Artifact) -> None:
    recorded = golden.read(art)
    seen = recorded.seen_in({name: x + 1 for name, x in MAPS.items()})
    for name, x in recorded.outputs.items():
        np.testing.assert_array_equal(seen[name], x + 1)


def test_the_same_maps_give_the_same_bytes(art: Artifact, tmp_path: Path) -> None:
    (tmp_path / "again" / "golden").mkdir(parents=True)
    again = golden.write(tmp_path / "again", 1, IMAGES[1], MAPS, None)
    assert again == art.manifest.golden[1]
    assert again.logits is None and again.maps == "golden/01.safetensors"


def test_logits_stay_in_the_manifest(tmp_path: Path) -> None:
    (tmp_path / "golden").mkdir()
    logits = np.array([[0.5, 1.0], [2.0, 3.0]], np.float32)
    found = golden.write(tmp_path, 1, IMAGES[1], {"logits": logits}, "cat")
    assert (found.logits, found.label, found.maps) == ((2.0, 3.0), "cat", None)
    assert [path.name for path in (tmp_path / "golden").iterdir()] == ["01.png"]


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
def test_a_damaged_file_of_maps_is_refused_in_one_line(damage: Any, art: Artifact) -> None:
    damage(art.root / "golden/01.safetensors")
    with pytest.raises(GateFailed, match=r"01\.safetensors .*; convert the model again") as caught:
        golden.read(art)
    assert "\n" not in str(caught.value)

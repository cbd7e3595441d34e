"""The command predict, with a target in memory."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from calls import run
from fake_converter import FakeConverter, install
from PIL import Image

from slide_mobile.parity.source import ModelSource
from slide_mobile.pipeline.artifact import Artifact
from slide_mobile.pipeline.convert import convert
from slide_mobile.targets.format import Format, Task


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    """The target "fake"."""
    install(monkeypatch, FakeConverter())


def artifact(folder: Path, task: Task = "classify") -> Artifact:
    """An artifact of random weights."""
    source = ModelSource("slide_swin_test", untrained=True)
    return convert(source, to=Format("fake", "fp32", task=task), out=folder)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of three images."""
    (tmp_path / "photos").mkdir()
    for i in range(3):
        color = np.full((40, 50, 3), 80 * i, np.uint8)
        Image.fromarray(color).save(tmp_path / "photos" / f"{i}.png")
    return tmp_path / "photos"


def test_one_image_gets_five_classes(tmp_path: Path, photos: Path) -> None:
    art = artifact(tmp_path)
    done = run("predict", art.root, photos / "1.png")
    assert done.exit_code == 0, done.stderr
    found = art.predict(photos / "1.png").classes
    lines = done.stdout.splitlines()
    rows = lines[2:7]
    assert str(photos / "1.png") in rows[0]
    for row, item in zip(rows, found, strict=True):
        label, _, share = row.removeprefix(str(photos / "1.png")).strip().rpartition(" ")
        assert (label.strip(), share) == (item.label, f"{item.probability:.2%}")
    assert "random weights" in done.stdout and "Fake, in memory" in done.stdout


def test_a_folder_becomes_a_table(tmp_path: Path, photos: Path) -> None:
    art, table = artifact(tmp_path), tmp_path / "answers.csv"
    done = run("predict", art.root, photos, "--top", 2, "--csv", table, "--json")
    document = json.loads(done.stdout)
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == [str(photos / f"{i}.png") for i in range(3)]
    for row, each in zip(rows, document["predictions"], strict=True):
        assert row["class_1"] == each["classes"][0]["label"]
        assert float(row["probability_2"]) == pytest.approx(
            each["classes"][1]["probability"], abs=1e-6
        )


def test_an_image_that_cannot_be_read_is_exit_code_2(tmp_path: Path, photos: Path) -> None:
    (photos / "9.png").write_bytes(b"no image")
    done = run("predict", artifact(tmp_path).root, photos, "--json", "--quiet")
    assert done.exit_code == 2 and done.stderr.count("\n") == 1
    assert "9.png is not a readable image" in done.stderr
    document = json.loads(done.stdout)
    assert len(document["predictions"]) == 3 and len(document["unreadable"]) == 1


def test_feature_maps_become_pictures(tmp_path: Path, photos: Path) -> None:
    art = artifact(tmp_path, "features")
    done = run("predict", art.root, photos / "2.png", "--out", tmp_path / "maps")
    assert done.exit_code == 0, done.stderr
    names = sorted(path.name for path in (tmp_path / "maps").iterdir())
    assert names == [f"00-2-stage{i}.png" for i in range(1, 5)]
    with Image.open(tmp_path / "maps" / names[0]) as picture:
        assert picture.mode == "L" and picture.size == (24, 16)


@pytest.mark.parametrize(
    ("task", "options", "says"),
    [
        ("classify", ["--out", "maps"], "--out is for feature maps"),
        ("features", ["--csv", "x.csv"], "--csv is for classes"),
        ("classify", ["--top", "0"], "--top"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    task: Task, options: list[str], says: str, tmp_path: Path, photos: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    done = run("predict", artifact(tmp_path, task).root, photos, *options)
    assert done.exit_code == 2 and says in done.stderr
    assert not (tmp_path / "maps").exists() and not (tmp_path / "x.csv").exists()


def test_an_image_is_needed(tmp_path: Path) -> None:
    done = run("predict", tmp_path)
    assert done.exit_code == 2 and "no image given" in done.stderr

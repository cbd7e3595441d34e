"""Networks of users on a target in memory, and on the real runtimes: convert, check, predict."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from fake_converter import FakeConverter, install
from own_networks import build
from PIL import Image

import slide_mobile
from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.cli import main
from slide_mobile.demo.render import render_many
from slide_mobile.errors import GateFailed, UsageError
from slide_mobile.parity.check_result import ParityFailed
from slide_mobile.parity.source import CalibrationImages, ModelSource
from slide_mobile.targets.format import Format

EXAMPLE = torch.zeros(1, 3, 32, 48)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeConverter:
    """A target in memory."""
    converter = FakeConverter()
    install(monkeypatch, converter)
    return converter


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of images."""
    folder = tmp_path_factory.mktemp("photos")
    for i, image in enumerate(render_many(3, 12, 48)[0]):
        Image.fromarray(np.asarray(image)).save(folder / f"{i:02d}.png")
    return folder


def converted(
    kind: str, recipe: str, photos: Path, out: Path, target: str = "fake"
) -> ArtifactFolder:
    return slide_mobile.convert(
        build(kind),
        example=EXAMPLE,
        to=Format(target, recipe),
        calibration=CalibrationImages(photos, 8),
        out=out,
    )


@pytest.mark.parametrize("kind", ["unet", "branches", "plain"])
def test_the_manifest_tells_what_the_network_gives(
    kind: str, fake: FakeConverter, photos: Path, tmp_path: Path
) -> None:
    made = converted(kind, "fp32", photos, tmp_path).manifest
    outputs = {output.name: output.shape for output in made.outputs}
    assert (
        outputs
        == {
            "unet": {"masks": (1, 5, 8, 12), "deep": (1, 48, 4, 6)},
            "branches": {"embedding": (1, 16), "depth": (1, 1, 8, 12)},
            "plain": {"output": (1, 10)},
        }[kind]
    )
    assert made.task == "own" and made.model.num_classes is None and made.model.macs > 0
    assert made.own is not None and made.own.rewritten and not made.own.left
    assert made.input.mean == (0, 0, 0) and made.input.std == (1, 1, 1)
    assert made.parity.samples == 8 and {one.name for one in made.parity.outputs} == set(outputs)


@pytest.mark.parametrize("kind", ["branches", "plain"])
def test_check_compares_with_what_was_recorded_and_says_so(
    kind: str, fake: FakeConverter, photos: Path, tmp_path: Path
) -> None:
    art = converted(kind, "fp32", photos, tmp_path)
    result = slide_mobile.check(art.root)
    assert result.passed
    assert any("--module FILE.py:FUNCTION runs PyTorch again" in note for note in result.notes)
    fake.decibels = lambda recipe, layers: 30.0
    worse = converted(kind, "int8", photos, tmp_path / "worse")
    assert abs(slide_mobile.check(worse.root).parity.sqnr_db - 30) < 3


def test_check_runs_the_file_that_makes_the_network(
    fake: FakeConverter, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.path", __import__("sys").path.copy())
    art = converted("plain", "fp32", photos, tmp_path / "out")
    (tmp_path / "net_of_check.py").write_text(
        "from own_networks import build\nmake = lambda: build('plain')\n"
        "other = lambda: build('unet')\n"
    )
    place = str(tmp_path / "net_of_check.py")
    result = slide_mobile.check(art.root, module=f"{place}:make", folder=photos)
    assert result.passed and result.parity.samples == 8 and not result.notes
    with pytest.raises(UsageError, match="its weights differ"):
        slide_mobile.check(art.root, module=f"{place}:other")
    with pytest.raises(UsageError, match="give --module FILE"):
        slide_mobile.check(art.root, folder=photos)
    with pytest.raises(UsageError, match="is of a network of yours"):
        slide_mobile.check(art.root, checkpoint=tmp_path / "x.pth")


def test_the_worst_output_decides(fake: FakeConverter, photos: Path, tmp_path: Path) -> None:
    fake.decibels = lambda recipe, layers: 12.0
    with pytest.raises(ParityFailed, match=r"masks: SQNR 12\.0 dB"):
        converted("unet", "int8", photos, tmp_path)
    assert not (tmp_path / "slide_unet-fake-int8").exists()


def test_int8_wants_images_of_the_user(fake: FakeConverter, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="int8 needs images like those"):
        slide_mobile.convert(build("plain"), example=EXAMPLE, to=Format("fake", "int8"))


def test_sensitive_modules_of_the_network_go_back_to_float(
    fake: FakeConverter, photos: Path, tmp_path: Path
) -> None:
    fake.decibels = lambda recipe, layers: 19.5 if not layers else 25.0
    made = converted("unet", "int8", photos, tmp_path).manifest
    assert made.float_modules and all(path.startswith("net.") for path in made.float_modules)


def test_a_graph_of_rank_6_is_reported_not_refused(
    fake: FakeConverter, photos: Path, tmp_path: Path
) -> None:
    fake.max_rank, fake.wrong = 6, ("an ADD",)
    assert converted("plain", "fp32", photos, tmp_path).manifest.graph.max_rank == 6


def test_the_call_is_refused_where_it_makes_no_sense(fake: FakeConverter) -> None:
    with pytest.raises(UsageError, match="a module needs example="):
        slide_mobile.convert(build("plain"), to="fake")
    with pytest.raises(UsageError, match="example= is for a torch module"):
        slide_mobile.convert("slide_swin_demo", to="fake", example=EXAMPLE)
    with pytest.raises(UsageError, match="leave out the task"):
        slide_mobile.convert(build("plain"), to=Format("fake", task="features"), example=EXAMPLE)
    with pytest.raises(UsageError, match="the task own is for a torch module"):
        slide_mobile.convert("slide_swin_demo", to=Format("fake", task="own"))
    assert ModelSource("slide_swin_demo").title == "slide_swin_demo"


def test_predict_gives_the_outputs_by_name(
    fake: FakeConverter, photos: Path, tmp_path: Path
) -> None:
    art = converted("branches", "fp32", photos, tmp_path)
    image = next(photos.iterdir())
    found = art.outputs(image)
    assert found["embedding"].shape == (1, 16) and found["depth"].shape == (1, 8, 12, 1)
    assert [one.name for one in art.predict(image).maps] == ["embedding", "depth"]


def test_an_edited_manifest_of_an_own_network_is_found(
    fake: FakeConverter, photos: Path, tmp_path: Path
) -> None:
    art = converted("plain", "fp32", photos, tmp_path)
    path = art.root / "manifest.json"
    manifest = json.loads(path.read_bytes())
    manifest["own"] = None
    path.write_text(json.dumps(manifest))
    with pytest.raises(GateFailed, match="contradict each other"):
        slide_mobile.check(art.root)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("target", "recipe", "partitions"),
    [("tflite", "int8", 1), ("executorch", "fp32", 4), ("onnx", "fp16", 0), ("coreml", "fp16", 0)],
)
def test_a_network_of_two_branches_on_the_real_runtimes(
    target: str, recipe: str, partitions: int, photos: Path, tmp_path: Path
) -> None:
    made = converted("branches", recipe, photos, tmp_path, target).manifest
    assert made.graph.partitions == partitions and made.graph.max_rank <= 4


def test_the_command_runs_the_file_and_says_so(
    fake: FakeConverter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.path", __import__("sys").path.copy())
    path = tmp_path / "net_of_shell.py"
    path.write_text("from own_networks import build as made\nbuild = lambda: made('plain')\n")
    words = ["convert", f"{path}:build", "--to", "fake"]
    done = CliRunner().invoke(main, [*words, "--input-size", "32x48", "--out", str(tmp_path)])
    assert done.exit_code == 0, done.stderr
    assert "your own code" in done.stderr
    assert "BatchNorm into the convolution before it: 1, 4, 7" in done.stdout
    done = CliRunner().invoke(main, [*words, "--labels", "x.txt", "--untrained"])
    assert done.exit_code == 2 and "leave out --untrained, --labels" in done.stderr

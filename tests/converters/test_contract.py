"""Every target and precision: convert, check, inspect, and the folder the contract describes."""

import dataclasses
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import slide_mobile
from slide_mobile import artifact as artifacts
from slide_mobile import blame, models, recipes, targets
from slide_mobile.artifact import Artifact
from slide_mobile.deploy import deploy
from slide_mobile.errors import GateFailed
from slide_mobile.pipeline import ParityFailed

MODEL = "slide_swin_test"
CASES = [
    (target, recipe)
    for target in targets.names()
    for recipe in sorted(targets.load(target).RECIPES)
]

pytestmark = pytest.mark.slow


def convert(out: Path, target: str, recipe: str, **options: object) -> Artifact:
    return slide_mobile.convert(
        MODEL, target=target, precision=recipe, untrained=True, out=out, **options
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("artifacts")


@pytest.fixture(scope="module")
def made(folder: Path) -> dict[tuple[str, str], Artifact]:
    return {case: convert(folder, *case, calibration_samples=8) for case in CASES}


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_the_folder_is_whole_and_certified(case, made) -> None:
    art, (target, recipe) = made[case], case
    manifest = art.manifest
    assert art.root.name == f"{MODEL}-{target}-{recipe}"
    assert Artifact.open(art.root) == art
    art.verify()
    assert (manifest.target, manifest.precision) == case
    assert manifest.model["trained"] is False and manifest.model["checkpoint_sha256"] is None
    assert manifest.model["params"] == sum(p.numel() for p in models.create(MODEL).parameters())
    assert manifest.input["range"] == [0, 255] and manifest.output["name"] == "logits"
    assert manifest.parity["passed"] and manifest.parity["reference"] == "pytorch"
    assert manifest.parity["sqnr_db"] >= recipes.lookup(recipe).goal_sqnr_db - 4
    assert manifest.graph.max_rank <= 4
    assert manifest.graph.partitions == 1
    assert manifest.graph.delegated_ops == manifest.graph.total_ops
    assert (manifest.calibration is not None) == (recipe == "int8")
    assert len(art.labels) == 5 and len(manifest.golden) == 8
    assert manifest.size_bytes == art.model_path.stat().st_size


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_check_passes_and_names_modules(case, made) -> None:
    result = slide_mobile.check(made[case].root)
    assert result.parity.passed
    modules = [row.module for row in result.modules]
    assert {"patch_embed.proj", "layers.0.blocks.0.attn.v", "layers.2.blocks.1.attn.proj"} <= set(
        modules
    )
    assert len(modules) == len(set(modules)) >= 25
    # Every module of the file is compared with its own: none is off by more than the format.
    assert result.modules[0].sqnr_db > recipes.lookup(case[1]).min_sqnr_db - 5


@pytest.mark.parametrize(
    ("recipe", "low", "high"),
    [("fp32", 0.0, 0.0), ("fp16", 0.0, 0.0), ("int8-weights", 0.0, 0.0), ("int8", 0.6, 1.0)],
)
def test_int8_is_int8(recipe: str, low: float, high: float, made) -> None:
    assert low <= made["tflite", recipe].manifest.graph.int8_mac_fraction <= high


def test_files_shrink_with_the_format(made) -> None:
    size = {recipe: art.manifest.size_bytes for (_, recipe), art in made.items()}
    assert size["fp16"] < 0.65 * size["fp32"]
    assert size["int8"] < 0.5 * size["fp32"]


def test_the_same_inputs_give_the_same_bytes(made, tmp_path: Path) -> None:
    again = convert(tmp_path, "tflite", "int8", calibration_samples=8)
    assert again.manifest.file_sha256 == made["tflite", "int8"].manifest.file_sha256


def test_golden_images_replay_to_their_logits(made) -> None:
    art = made["tflite", "fp32"]
    run = targets.load("tflite").runner(art.model_path)
    for golden in art.manifest.golden:
        found = run(np.asarray(Image.open(art.root / golden.file)))
        np.testing.assert_allclose(found, golden.logits, rtol=1e-3, atol=1e-5)


def test_the_file_carries_its_labels(made) -> None:
    with zipfile.ZipFile(made["tflite", "int8"].model_path) as archive:
        assert archive.read("labels.txt").decode().split("\n")[0] == "class 0"


def test_the_signature_names_the_input_and_the_output(made) -> None:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(made["tflite", "fp32"].model_path))
    assert interpreter.get_signature_list() == {
        "serving_default": {"inputs": ["image"], "outputs": ["logits"]}
    }
    assert interpreter.get_input_details()[0]["shape"].tolist() == [1, 64, 96, 3]


def test_the_fp16_backend_only_adds_the_hint(made, tmp_path: Path) -> None:
    art = convert(tmp_path, "tflite", "fp16", backend="xnnpack-fp16")
    assert art.manifest.backend == "xnnpack-fp16"
    assert b"fp16accfp16" in art.model_path.read_bytes()
    assert b"fp16accfp16" not in made["tflite", "fp16"].model_path.read_bytes()


def test_padded_windows_and_other_sizes_convert(tmp_path: Path) -> None:
    art = convert(tmp_path, "tflite", "fp32", input_size=(96, 160))
    assert art.input_size == (96, 160)
    assert art.manifest.parity["sqnr_db"] > 90 and art.manifest.graph.partitions == 1


def test_a_missed_floor_leaves_no_folder_and_blames_modules(tmp_path: Path, monkeypatch) -> None:
    strict = dataclasses.replace(recipes.RECIPES["fp16"], min_sqnr_db=190)
    monkeypatch.setitem(recipes.RECIPES, "fp16", strict)
    with pytest.raises(ParityFailed, match=r"SQNR .* the floor is 190 dB; worst modules: ") as e:
        convert(tmp_path, "tflite", "fp16")
    assert list(tmp_path.iterdir()) == [e.value.report]
    assert json.loads(e.value.report.read_text())["failures"] == list(e.value.check.parity.failures)
    assert e.value.exit_code == 1 and e.value.check.modules


def test_a_planted_fault_is_blamed_on_its_module(made) -> None:
    art = made["tflite", "fp32"]
    faulty = deploy(models.create(MODEL))
    faulty.get_submodule("layers.1.blocks.0.mlp.fc2").bias += 3.0
    pixels = np.stack([np.asarray(Image.open(art.root / g.file)) for g in art.manifest.golden])
    converter = targets.load("tflite")
    db = {
        row.module: row.sqnr_db for row in blame.modules(converter, art.model_path, faulty, pixels)
    }
    assert db["layers.1.blocks.0.mlp.fc2"] < 20
    assert db["layers.1.blocks.0.mlp.fc1"] > 90 and db["layers.0.blocks.0.mlp.fc2"] > 90


@pytest.fixture
def copy_of(made, tmp_path: Path) -> Artifact:
    import shutil

    root = tmp_path / "copy"
    shutil.copytree(made["tflite", "int8"].root, root)
    return Artifact.open(root)


def test_one_flipped_byte_in_the_model_is_found(copy_of: Artifact) -> None:
    content = bytearray(copy_of.model_path.read_bytes())
    content[len(content) // 2] ^= 1
    copy_of.model_path.write_bytes(content)
    for verb in (slide_mobile.check, slide_mobile.inspect):
        with pytest.raises(GateFailed, match="was changed after it was certified"):
            verb(copy_of.root)


def test_a_missing_model_file_is_found(copy_of: Artifact) -> None:
    copy_of.model_path.unlink()
    with pytest.raises(GateFailed, match="is missing"):
        slide_mobile.check(copy_of.root)


def test_an_edited_golden_image_is_found(copy_of: Artifact) -> None:
    Image.new("RGB", (96, 64)).save(copy_of.root / "golden/00.png")
    with pytest.raises(GateFailed, match=r"00\.png was changed"):
        slide_mobile.check(copy_of.root)


def test_an_edited_golden_logit_is_found(copy_of: Artifact) -> None:
    path = copy_of.root / artifacts.MANIFEST
    manifest = json.loads(path.read_text())
    manifest["golden"][0]["logits"][0] += 0.1
    path.write_text(json.dumps(manifest))
    with pytest.raises(GateFailed, match="golden logits"):
        slide_mobile.check(copy_of.root)


def test_edited_labels_are_found(copy_of: Artifact) -> None:
    (copy_of.root / "labels.txt").write_text("a\nb\n")
    with pytest.raises(GateFailed, match=r"labels\.txt was changed"):
        slide_mobile.check(copy_of.root)

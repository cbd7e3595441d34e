"""Every target and precision: convert, check, inspect, and the folder the contract describes."""

import contextlib
import dataclasses
import json
import platform
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import slide_mobile
from slide_mobile import models, recipes
from slide_mobile.artifact.folder import MANIFEST, Artifact, digest
from slide_mobile.artifact.manifest import seal
from slide_mobile.deploy.rewriting import deploy
from slide_mobile.errors import GateFailed, SlideMobileError
from slide_mobile.pipeline.convert import ParityFailed
from slide_mobile.targets import registry

MODEL = "slide_swin_test"
FAULTY = "layers.1.blocks.0.mlp.fc2"
CASES = [
    (target, recipe)
    for target in registry.names()
    for recipe in next(iter(registry.load(target).BACKENDS.values()))
]
DELEGATING = {"tflite", "executorch"}
TARGETS = registry.names()

pytestmark = pytest.mark.slow


def convert(out: Path, target: str, recipe: str, **options: object) -> Artifact:
    return slide_mobile.convert(
        MODEL, target=target, precision=recipe, untrained=True, out=out, **options
    )


def copied(art: Artifact, folder: Path) -> Artifact:
    """A copy to damage."""
    return Artifact.open(Path(shutil.copytree(art.root, folder / "copy")))


def files(art: Artifact) -> list[Path]:
    """The model file, or those of the package."""
    return [path for path in (art.model_path, *art.model_path.rglob("*")) if path.is_file()]


def largest(art: Artifact) -> Path:
    """The one with the weights."""
    return max(files(art), key=lambda path: path.stat().st_size)


def certify_again(art: Artifact) -> None:
    """Make the manifest match the model file as it is now."""
    plain = json.loads((art.root / MANIFEST).read_text())
    plain["file_sha256"] = digest(art.model_path)
    plain["manifest_sha256"] = seal(plain)
    (art.root / MANIFEST).write_text(json.dumps(plain))


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_the_folder_is_whole_and_certified(case, converted) -> None:
    art, (target, recipe) = converted(*case), case
    manifest = art.manifest
    assert art.root.name == f"{MODEL}-{target}-{recipe}"
    assert Artifact.open(art.root) == art
    art.verify()
    assert (manifest.target, manifest.precision) == case
    assert manifest.model["trained"] is False and manifest.model["checkpoint_sha256"] is None
    assert manifest.model["params"] == sum(p.numel() for p in models.create(MODEL).parameters())
    half = target == "executorch" and recipe == "fp16"
    assert manifest.output["dtype"] == ("float16" if half else "float32")
    assert manifest.input["range"] == [0, 255] and manifest.output["name"] == "logits"
    assert manifest.parity["passed"] and manifest.parity["reference"] == "pytorch"
    assert manifest.parity["sqnr_db"] >= recipes.lookup(recipe).goal_sqnr_db - 4
    assert manifest.parity["runtime"] and manifest.via == next(
        iter(registry.load(target).EXPORTERS)
    )
    assert manifest.graph.max_rank <= 4
    assert manifest.graph.partitions == (target in DELEGATING)
    assert manifest.graph.delegated_ops == manifest.graph.total_ops * (target in DELEGATING)
    assert (manifest.calibration is not None) == (recipe == "int8")
    assert manifest.float_modules == ()
    assert len(art.labels) == 5 and len(manifest.golden) == 8
    assert manifest.size_bytes == sum(path.stat().st_size for path in files(art))


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_check_passes_and_names_modules(case, converted) -> None:
    result = slide_mobile.check(converted(*case).root)
    assert result.parity.passed
    modules = [row.module for row in result.modules]
    assert {"patch_embed.proj", "layers.0.blocks.0.attn.v", "layers.2.blocks.1.attn.proj"} <= set(
        modules
    )
    assert len(modules) == len(set(modules)) >= 25
    # Every module of the file is compared with its own: none is off by more than the format.
    assert min(row.sqnr_db for row in result.modules) > recipes.lookup(case[1]).min_sqnr_db - 5


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_int8_is_int8(case, converted) -> None:
    low, high = (0.6, 1.0) if case[1] in {"int8", "int8-dynamic"} else (0.0, 0.0)
    assert low <= converted(*case).manifest.graph.int8_mac_fraction <= high


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_int8_outputs_stay_in_the_ranges_that_the_file_states(case, converted) -> None:
    art, converter = converted(*case), registry.load(case[0])
    ranges = converter.ranges(art.model_path)
    assert (len(ranges) >= 20) == (case[1] == "int8") and (ranges == {}) == (case[1] != "int8")
    image = np.asarray(Image.open(art.root / art.manifest.golden[0].file))
    found = converter.activations(art.model_path, image) if ranges else {}
    assert len(found.keys() & ranges.keys()) >= 20 or not ranges
    for module in found.keys() & ranges.keys():
        low, high = ranges[module]
        step = (high - low) / 255
        assert low <= 0 <= high and found[module].any()
        # Core ML's outputs are those before they are rounded, and calibration cuts outliers off:
        # 1.6 % of one q here, nothing of the other targets'.
        outside = (found[module] < low - step / 2) | (found[module] > high + step / 2)
        assert outside.mean() <= (0.03 if case[0] == "coreml" else 0), module


@pytest.mark.parametrize("target", TARGETS)
def test_files_shrink_with_the_format(target: str, converted) -> None:
    size = {recipe: converted(t, recipe).manifest.size_bytes for t, recipe in CASES if t == target}
    if target != "executorch":  # XNNPACK takes no fp16 convolution kernels from a .pte
        assert size["fp16"] < 0.7 * size["fp32"]
    assert size["int8"] < 0.7 * size["fp32"]


@pytest.mark.parametrize("target", TARGETS)
def test_the_same_inputs_give_the_same_bytes(target: str, converted, tmp_path: Path) -> None:
    again = convert(tmp_path, target, "int8", calibration_samples=8)
    assert again.manifest.file_sha256 == converted(target, "int8").manifest.file_sha256


@pytest.mark.parametrize("target", TARGETS)
def test_golden_images_replay_to_their_logits(target: str, converted) -> None:
    art = converted(target, "fp32")
    run = registry.load(target).runner(art.model_path, threads=1)
    for golden in art.manifest.golden:
        found = run(np.asarray(Image.open(art.root / golden.file)))
        np.testing.assert_allclose(found, golden.logits, rtol=1e-3, atol=1e-5)


def test_the_file_carries_its_labels(converted) -> None:
    with zipfile.ZipFile(converted("tflite", "int8").model_path) as archive:
        assert archive.read("labels.txt").decode().split("\n")[0] == "class 0"


def test_the_signature_names_the_input_and_the_output(converted) -> None:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(converted("tflite", "fp32").model_path))
    assert interpreter.get_signature_list() == {
        "serving_default": {"inputs": ["image"], "outputs": ["logits"]}
    }
    assert interpreter.get_input_details()[0]["shape"].tolist() == [1, 64, 96, 3]


def test_the_fp16_backend_only_adds_the_hint(converted, tmp_path: Path) -> None:
    art = convert(tmp_path, "tflite", "fp16", backend="xnnpack-fp16")
    assert art.manifest.backend == "xnnpack-fp16"
    assert b"fp16accfp16" in art.model_path.read_bytes()
    assert b"fp16accfp16" not in converted("tflite", "fp16").model_path.read_bytes()


@pytest.mark.parametrize("precision", registry.load("executorch").BACKENDS["coreml"])
def test_executorchs_core_ml_delegate_takes_everything(precision: str, tmp_path: Path) -> None:
    art = convert(tmp_path, "executorch", precision, backend="coreml")
    assert art.manifest.backend == "coreml" and art.manifest.parity["passed"]
    assert art.manifest.graph.partitions == 1
    assert art.manifest.graph.delegated_ops == art.manifest.graph.total_ops
    if platform.system() != "Darwin":
        assert "not run on Apple hardware" in art.manifest.parity["runtime"]
    assert slide_mobile.check(art.root).parity.passed


@pytest.mark.parametrize("target", TARGETS)
def test_padded_windows_and_other_sizes_convert(target: str, tmp_path: Path) -> None:
    art = convert(tmp_path, target, "fp32", input_size=(96, 160))
    assert art.input_size == (96, 160)
    assert art.manifest.parity["sqnr_db"] > 90
    assert art.manifest.graph.partitions == (target in DELEGATING)


def test_artifacts_of_all_targets_agree(converted) -> None:
    found = slide_mobile.compare([converted(target, "fp32").root for target in TARGETS])
    assert found.passed and len(found.pairs) == len(TARGETS) * (len(TARGETS) - 1) // 2
    assert min(pair.sqnr_db for pair in found.pairs) > 100


@pytest.mark.parametrize("target", TARGETS)
def test_a_planted_fault_is_found_and_blamed(target: str, converted, tmp_path: Path) -> None:
    art = copied(converted(target, "fp32"), tmp_path)
    form = deploy(models.create(MODEL).requires_grad_(False), layout=registry.load(target).LAYOUT)
    weight = form.get_submodule(FAULTY).weight.numpy()
    wrong = weight.copy()
    wrong[::2] *= -1  # norms would take no notice of all
    (file,) = (path for path in files(art) if weight.tobytes() in path.read_bytes())
    assert file.read_bytes().count(weight.tobytes()) == 1
    file.write_bytes(file.read_bytes().replace(weight.tobytes(), wrong.tobytes()))
    certify_again(art)
    result = slide_mobile.check(art.root)
    assert not result.parity.passed
    assert result.modules[0].module == FAULTY and result.modules[0].own_db < 40
    assert result.modules[1].own_db > 90
    found = slide_mobile.compare([converted(t, "fp32").root for t in TARGETS] + [art.root])
    assert not found.passed and found.odd_one_out == art.root


def test_a_missed_floor_leaves_no_folder_and_blames_modules(tmp_path: Path, monkeypatch) -> None:
    strict = dataclasses.replace(recipes.RECIPES["fp16"], min_sqnr_db=190)
    monkeypatch.setitem(recipes.RECIPES, "fp16", strict)
    with pytest.raises(ParityFailed, match=r"SQNR .* the floor is 190 dB; worst modules: ") as e:
        convert(tmp_path, "tflite", "fp16")
    assert list(tmp_path.iterdir()) == [e.value.report]
    assert json.loads(e.value.report.read_text())["failures"] == list(e.value.check.parity.failures)
    assert e.value.exit_code == 1 and e.value.check.modules


@pytest.fixture
def copy_of(converted, tmp_path: Path) -> Artifact:
    return copied(converted("tflite", "int8"), tmp_path)


@pytest.mark.parametrize("target", TARGETS)
def test_one_flipped_byte_in_the_model_is_found(target: str, converted, tmp_path: Path) -> None:
    art = copied(converted(target, "int8"), tmp_path)
    content = bytearray(largest(art).read_bytes())
    content[len(content) // 2] ^= 1
    largest(art).write_bytes(content)
    for verb in (slide_mobile.check, slide_mobile.inspect):
        with pytest.raises(GateFailed, match="was changed after it was certified"):
            verb(art.root)
    # Even where the manifest is made to match, nothing crashes.
    certify_again(art)
    with contextlib.suppress(SlideMobileError):
        slide_mobile.check(art.root)


@pytest.mark.parametrize("target", TARGETS)
def test_a_model_file_that_is_cut_short_is_one_line(target: str, converted, tmp_path: Path) -> None:
    art = copied(converted(target, "fp32"), tmp_path)
    content = largest(art).read_bytes()
    largest(art).write_bytes(content[: len(content) // 2])
    certify_again(art)
    for verb in (slide_mobile.check, slide_mobile.inspect):
        with pytest.raises(SlideMobileError):
            verb(art.root)


@pytest.mark.parametrize("target", TARGETS)
def test_a_missing_model_file_is_found(target: str, converted, tmp_path: Path) -> None:
    art = copied(converted(target, "fp32"), tmp_path)
    if art.model_path.is_dir():
        shutil.rmtree(art.model_path)
    else:
        art.model_path.unlink()
    with pytest.raises(GateFailed, match="is missing"):
        slide_mobile.check(art.root)


def test_an_edited_golden_image_is_found(copy_of: Artifact) -> None:
    Image.new("RGB", (96, 64)).save(copy_of.root / "golden/00.png")
    with pytest.raises(GateFailed, match=r"00\.png was changed"):
        slide_mobile.check(copy_of.root)


def test_an_edited_golden_logit_is_found(copy_of: Artifact) -> None:
    path = copy_of.root / MANIFEST
    manifest = json.loads(path.read_text())
    manifest["golden"][0]["logits"][0] += 0.1
    path.write_text(json.dumps(manifest))
    with pytest.raises(GateFailed, match="the manifest was changed after it was certified"):
        slide_mobile.check(copy_of.root)
    manifest["manifest_sha256"] = seal(manifest)
    path.write_text(json.dumps(manifest))
    with pytest.raises(GateFailed, match="golden logits"):
        slide_mobile.check(copy_of.root)


def test_edited_labels_are_found(copy_of: Artifact) -> None:
    (copy_of.root / "labels.txt").write_text("a\nb\n")
    with pytest.raises(GateFailed, match=r"labels\.txt was changed"):
        slide_mobile.check(copy_of.root)

"""`convert` with a target in memory: what it writes, refuses, and leaves behind."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from fake_converter import FakeConverter, Layers, install
from PIL import Image
from safetensors.torch import load_file, save_file

from slide_mobile import models, recipes
from slide_mobile.artifact import golden
from slide_mobile.artifact.folder import digest
from slide_mobile.demo.render import render_many
from slide_mobile.deploy import deploy
from slide_mobile.errors import GateFailed, OutputError, UnknownName, UsageError
from slide_mobile.isolation import calling
from slide_mobile.models import checkpoint as checkpoints
from slide_mobile.parity import reference
from slide_mobile.parity.check_result import ParityFailed
from slide_mobile.parity.source import CalibrationImages, ModelSource
from slide_mobile.pipeline import mixed_precision
from slide_mobile.pipeline.artifact import Artifact
from slide_mobile.pipeline.check import check
from slide_mobile.pipeline.convert import convert
from slide_mobile.recipes import Recipe
from slide_mobile.targets.format import Format

MODEL = "slide_swin_test"
UNTRAINED = ModelSource(MODEL, untrained=True)
FEW = CalibrationImages(samples=4)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeConverter:
    """The target "fake", whose files have the accuracy of their precision."""
    converter = FakeConverter()
    install(monkeypatch, converter)
    return converter


def test_the_folder_is_whole_and_says_what_was_proved(fake: FakeConverter, tmp_path: Path) -> None:
    art = convert(UNTRAINED, to=Format("fake", "fp16"), out=tmp_path)
    manifest = art.manifest
    assert [path.name for path in tmp_path.iterdir()] == [f"{MODEL}-fake-fp16"]
    assert Artifact.load(art.root) == art
    art.verify()
    assert set(manifest.files) == {
        "model.fake", "labels.txt", *(f"golden/{i:02d}.ppm" for i in range(8))
    }  # fmt: skip
    assert (manifest.target, manifest.precision, manifest.backend) == ("fake", "fp16", "memory")
    assert manifest.via == "direct" and manifest.toolchain.keys() == {
        "python", "slide_mobile", "torch"
    }  # fmt: skip
    assert manifest.model.trained is False and manifest.model.checkpoint_sha256 is None
    assert manifest.parity.passed and manifest.parity.runtime == "Fake, in memory"
    assert manifest.parity.sqnr_db == pytest.approx(55, abs=0.1)  # fp16's goal
    assert manifest.parity.samples == 16 and manifest.calibration is None
    assert manifest.input.shape == (1, 3, 64, 96) and manifest.outputs[0].shape == (1, 5)
    assert manifest.size_bytes == (art.root / "model.fake").stat().st_size
    assert art.labels == tuple(f"class {i}" for i in range(5)) and len(manifest.golden) == 8
    assert golden.images(art).shape == (8, 64, 96, 3)


def test_features_are_four_maps_in_a_folder_of_their_own(
    fake: FakeConverter, tmp_path: Path
) -> None:
    art = convert(UNTRAINED, to=Format("fake", "fp32", task="features"), out=tmp_path)
    assert art.root.name == f"{MODEL}-features-fake-fp32"
    assert [output.name for output in art.manifest.outputs] == [f"stage{i}" for i in range(1, 5)]
    assert art.labels == () and "labels.txt" not in art.manifest.files
    assert art.manifest.parity.top1_agreement is None
    art.verify()


def test_names_alone_will_do(fake: FakeConverter, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="slide_swin_test needs weights: give --checkpoint"):
        convert(MODEL, to="fake", out=tmp_path)
    assert not any(tmp_path.iterdir())


def test_the_time_is_that_of_the_source_date_epoch(
    fake: FakeConverter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767225600")
    first = convert(UNTRAINED, to=Format("fake", "fp32"), out=tmp_path / "a")
    fake.forms.clear()
    second = convert(UNTRAINED, to=Format("fake", "fp32"), out=tmp_path / "b")
    assert first.manifest.created == "2026-01-01T00:00:00+00:00"
    assert digest(first.root) == digest(second.root)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(UsageError, match="SOURCE_DATE_EPOCH=yesterday is not a number"):
        convert(UNTRAINED, to=Format("fake", "fp32"), out=tmp_path / "c")


def test_a_missed_floor_leaves_a_report_and_no_folder(fake: FakeConverter, tmp_path: Path) -> None:
    fake.decibels = lambda recipe, modules: 30.0
    missed = r"SQNR 30\.0 dB, the floor is 50 dB; worst modules: "
    with pytest.raises(ParityFailed, match=missed) as caught:
        convert(UNTRAINED, to=Format("fake", "fp16"), out=tmp_path)
    report = tmp_path / f"{MODEL}-fake-fp16.parity.json"
    assert list(tmp_path.iterdir()) == [report] == [caught.value.report]
    document = json.loads(report.read_text())
    assert document["failures"] == list(caught.value.result.parity.failures)
    assert document["passed"] is False and document["runtime"] == "Fake, in memory"
    assert caught.value.exit_code == 1 and caught.value.result.modules


@pytest.mark.parametrize(
    ("half", "ordinary", "sqnr_db", "runtime"),
    [
        (52.0, 60.0, 52, "Fake, rounded to fp16"),
        (30.0, 60.0, None, "Fake, rounded to fp16"),
        (52.0, 30.0, None, "Fake, in memory"),
    ],
)
def test_an_fp16_file_must_pass_when_rounded_and_when_not(
    half: float,
    ordinary: float,
    sqnr_db: float | None,
    runtime: str,
    fake: FakeConverter,
    tmp_path: Path,
) -> None:
    fake.half_decibels, fake.decibels = half, lambda recipe, modules: ordinary
    if sqnr_db is None:
        with pytest.raises(ParityFailed, match=r"SQNR 30\.0 dB") as caught:
            convert(UNTRAINED, to=Format("fake", "fp16"), out=tmp_path)
        assert caught.value.result.runtime == runtime
        return
    parity = convert(UNTRAINED, to=Format("fake", "fp16"), out=tmp_path).manifest.parity
    assert (round(parity.sqnr_db), parity.runtime) == (sqnr_db, runtime)


def test_other_precisions_are_judged_by_the_runtime_alone(
    fake: FakeConverter, tmp_path: Path
) -> None:
    fake.half_decibels = 0.0
    art = convert(UNTRAINED, to=Format("fake", "fp32"), out=tmp_path)
    assert art.manifest.parity.runtime == "Fake, in memory"


def with_large_channel(tmp_path: Path, *, value: float) -> ModelSource:
    """A checkpoint whose residual stream has this value in one channel of every token."""
    state = models.create(MODEL).state_dict()
    state["patch_embed.norm.bias"][5] = value
    save_file(state, tmp_path / "large.safetensors")
    return ModelSource(MODEL, checkpoint=tmp_path / "large.safetensors")


def test_values_that_are_large_for_fp16_are_made_smaller_and_named(
    fake: FakeConverter, tmp_path: Path
) -> None:
    fake.decibels = lambda recipe, modules: 80.0
    art = convert(with_large_channel(tmp_path, value=900), to=Format("fake", "fp16"), out=tmp_path)
    assert tuple(note for note in art.manifest.notes if not note.startswith("assumed")) == (
        "the stream of stage 1 16 times smaller for fp16: layers.0.blocks.0.norm1 reaches "
        "7.64e+05, layers.0.blocks.0.norm2 reaches 7.64e+05 and 1 more",
    )
    (form,) = fake.forms.values()
    plain = deploy(models.create(MODEL), layout="NCHW")
    path = "layers.0.blocks.0.mlp.fc2.weight"
    torch.testing.assert_close(form.get_parameter(path) * 16, plain.get_parameter(path))


def test_a_refusal_names_modules_that_are_still_too_large_for_fp16(
    fake: FakeConverter, tmp_path: Path
) -> None:
    fake.decibels = lambda recipe, modules: 30.0
    source = with_large_channel(tmp_path, value=0)
    state = load_file(source.checkpoint)
    state["layers.1.blocks.0.mlp.fc1.bias"] += 1e5
    state["layers.1.blocks.0.mlp.fc2.weight"] *= 1e-5
    save_file(state, source.checkpoint)
    large = (
        r"fp16 ends at 65504: layers\.1\.blocks\.0\.mlp\.fc1 reaches 1e\+05, .*act reaches 1e\+05;"
    )
    with pytest.raises(ParityFailed, match=large) as caught:
        convert(source, to=Format("fake", "fp16"), out=tmp_path)
    assert len(str(caught.value).partition("; report: ")[0]) < 300


def test_a_file_that_passes_takes_the_old_report_away(fake: FakeConverter, tmp_path: Path) -> None:
    report = tmp_path / f"{MODEL}-fake-fp16.parity.json"
    report.write_text("{}")
    convert(UNTRAINED, to=Format("fake", "fp16"), out=tmp_path)
    assert not report.exists()


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, MemoryError])
def test_what_ends_a_conversion_early_leaves_nothing(
    error: type[BaseException], fake: FakeConverter, tmp_path: Path
) -> None:
    def fail(path: Path) -> None:
        path.write_bytes(b"half")
        raise error

    fake.before_writing = fail
    with pytest.raises(error):
        convert(UNTRAINED, to=Format("fake", "fp32"), out=tmp_path / "new")
    assert not any(tmp_path.iterdir())


def test_an_existing_folder_is_kept_without_force(fake: FakeConverter, tmp_path: Path) -> None:
    art = convert(UNTRAINED, to=Format("fake", "fp32"), out=tmp_path)
    with pytest.raises(OutputError, match="choose another --out, or replace it with --force"):
        convert(UNTRAINED, to=Format("fake", "fp32"), out=tmp_path)
    assert Artifact.load(art.root) == art and len(fake.written) == 1
    convert(UNTRAINED, to=Format("fake", "fp32"), out=tmp_path, force=True)
    assert len(fake.written) == 2


def test_a_failure_keeps_the_folder_that_it_was_to_replace(
    fake: FakeConverter, tmp_path: Path
) -> None:
    art = convert(UNTRAINED, to=Format("fake", "fp16"), out=tmp_path)
    fake.decibels = lambda recipe, modules: 3.0
    with pytest.raises(ParityFailed):
        convert(UNTRAINED, to=Format("fake", "fp16"), out=tmp_path, force=True)
    assert Artifact.load(art.root) == art
    art.verify()


def test_a_graph_of_too_high_a_rank_is_refused(fake: FakeConverter, tmp_path: Path) -> None:
    fake.max_rank = 6
    with pytest.raises(GateFailed, match="tensors of rank 6, and fake takes rank 4 at most"):
        convert(UNTRAINED, to=Format("fake", "fp32"), out=tmp_path)
    assert not any(tmp_path.iterdir())


def test_a_file_that_an_accelerator_misreads_is_refused(
    fake: FakeConverter, tmp_path: Path
) -> None:
    fake.wrong = ("ADD of [8, 4] and [8, 4] in mlp", "PAD of [2, 3] in mlp")
    with pytest.raises(
        GateFailed, match=r"of fake computes 2 operations .* ADD of \[8, 4\] and"
    ) as why:
        convert(UNTRAINED, to=Format("fake", "fp32"), out=tmp_path)
    assert why.value.exit_code == 1 and len(str(why.value)) < 300 and "\n" not in str(why.value)
    assert not any(tmp_path.iterdir())


def test_a_deploy_form_that_is_not_exact_is_refused(
    fake: FakeConverter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from slide_mobile.parity.reference import Reference

    exact = Reference.deployed

    def damaged(self: Reference, *arguments: object) -> torch.nn.Module:
        form = exact(self, *arguments)  # type: ignore[arg-type]
        form.get_submodule("layers.0.blocks.0.mlp.fc1").bias += 0.1
        return form

    monkeypatch.setattr(Reference, "deployed", damaged)
    with pytest.raises(GateFailed, match="against the reference, the floor is 100 dB"):
        convert(UNTRAINED, to=Format("fake", "fp32"), out=tmp_path)
    assert not any(tmp_path.iterdir()) and not fake.written


@pytest.mark.parametrize(
    ("to", "message"),
    [
        (Format("fak"), "no target is named 'fak'; did you mean 'fake'"),
        (Format("fake", "int4"), "no precision is named 'int4'; did you mean 'int8'"),
        (Format("fake", backend="gpu"), "no backend for fake is named 'gpu'; known: memory"),
        (Format("fake", via="onnx"), "for fake is named 'onnx'; known: direct"),
    ],
)
def test_what_a_target_lacks_is_refused_before_anything_is_written(
    to: Format, message: str, fake: FakeConverter, tmp_path: Path
) -> None:
    with pytest.raises(UnknownName, match=message):
        convert(UNTRAINED, to=to, out=tmp_path / "new")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["../slide_swin_test", "slide_swin_tset"])
def test_an_unknown_model_never_becomes_a_path(
    name: str, fake: FakeConverter, tmp_path: Path
) -> None:
    with pytest.raises(UnknownName, match="no model is named"):
        convert(ModelSource(name, untrained=True), to="fake", out=tmp_path / "new")
    assert not any(tmp_path.iterdir())


def test_labels_are_one_a_class(fake: FakeConverter, tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("a\nb\nc\nd\ne\n")
    source = dataclasses.replace(UNTRAINED, labels=labels)
    assert convert(source, to=Format("fake", "fp32"), out=tmp_path).labels == tuple("abcde")
    labels.write_text("a\nb\n")
    with pytest.raises(UsageError, match="has 2 labels, the model has 5 classes"):
        convert(source, to=Format("fake", "fp16"), out=tmp_path)


def test_int8_learns_from_the_images_it_was_given(fake: FakeConverter, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for i, image in enumerate(render_many(5, 20, 96)[0]):
        Image.fromarray(image[16:80]).save(folder / f"{i}.png")
    art = convert(
        UNTRAINED, to=Format("fake", "int8"), calibration=CalibrationImages(folder, 3), out=tmp_path
    )
    assert art.manifest.calibration is not None
    assert art.manifest.calibration.images == 3 and art.manifest.calibration.source == "photos"
    assert [len(request.calibration) for request in fake.written] == [3]


def planted(costly: set[str], *, floor: float = 20.0) -> FakeConverter:
    """Make int8 files that miss the floor until these modules are in float."""

    def decibels(recipe: Recipe, modules: Layers) -> float:
        return floor + 10 if costly <= modules else floor - 5

    return FakeConverter(decibels=decibels)


def test_modules_go_back_to_float_until_a_file_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    fake = planted({"layers.0.blocks.0.attn.q"})
    install(monkeypatch, fake)
    ranking = ("layers.1.blocks.0.mlp.fc1", "layers.0.blocks.0.attn.q", "layers.2.blocks.0.attn.q")
    rows = tuple(
        mixed_precision.ModuleSensitivity(module=name, sqnr_db=20.0 + i)
        for i, name in enumerate((*ranking, *(f"m{i}" for i in range(9))))
    )
    monkeypatch.setattr(mixed_precision, "rank", lambda job, progress: rows)
    art = convert(
        UNTRAINED,
        to=Format("fake", "int8"),
        calibration=FEW,
        out=tmp_path,
        progress=lambda stage, done=None: said.append(stage),
    )
    counts = [len(request.float_modules) for request in fake.written]
    assert counts[0] == 0 and counts == sorted(set(counts))  # each attempt adds some
    assert art.manifest.float_modules == fake.written[-1].float_modules
    assert art.manifest.float_modules[:2] == ranking[:2] and art.manifest.parity.passed
    line = (
        "int8 misses its floor (SQNR 15.0 dB, the floor is 20 dB): "
        "try again with layers.1.blocks.0.mlp"
    )
    assert any(stage.startswith(line) for stage in said)


def test_half_of_the_modules_are_the_most_that_go_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = planted({"no such module"})
    install(monkeypatch, fake)
    with pytest.raises(ParityFailed, match="modules kept in float were not enough: ") as caught:
        convert(UNTRAINED, to=Format("fake", "int8"), calibration=FEW, out=tmp_path)
    last = fake.written[-1].float_modules
    job_modules = len(mixed_precision.candidates(next(iter(fake.forms.values()))))
    assert len(last) == job_modules // 2
    assert caught.value.result.notes[0].startswith(f"{len(last)} modules kept in float")


@pytest.mark.parametrize("precision", ["fp16", "int8-dynamic"])
def test_only_static_int8_gives_modules_back(
    precision: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeConverter(decibels=lambda recipe, modules: recipe.min_sqnr_db - 1)
    install(monkeypatch, fake)
    with pytest.raises(ParityFailed):
        convert(UNTRAINED, to=Format("fake", precision), out=tmp_path)
    assert len(fake.written) == 1


def test_the_floor_is_that_of_the_recipe(
    fake: FakeConverter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strict = dataclasses.replace(recipes.RECIPES["fp16"], min_sqnr_db=56)
    monkeypatch.setitem(recipes.RECIPES, "fp16", strict)
    with pytest.raises(ParityFailed, match="the floor is 56 dB"):
        convert(UNTRAINED, to=Format("fake", "fp16"), out=tmp_path)


def test_a_checkpoint_alone_names_its_model(fake: FakeConverter, tmp_path: Path) -> None:
    path = tmp_path / "unknown.safetensors"
    save_file(models.create("slide_swin_demo").state_dict(), path)
    art = convert(str(path), to=Format("fake", "fp32"), out=tmp_path)
    assert art.manifest.model.name == "slide_swin_demo"
    assert art.manifest.notes[0] == "the weights are those of slide_swin_demo, so it was converted"
    assert any("which class each logit stands for" in note for note in art.manifest.notes)


def test_a_checkpoint_without_a_name_is_read_once(
    fake: FakeConverter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "unknown.safetensors"
    save_file(models.create("slide_swin_demo").state_dict(), path)
    read, seen = checkpoints.read, []
    monkeypatch.setattr(checkpoints, "read", lambda *a, **k: (seen.append(a[0]), read(*a, **k))[1])
    convert(path, to=Format("fake", "fp32"), out=tmp_path)
    assert seen == [path]


def test_weights_in_memory_make_the_file_that_a_checkpoint_makes(
    fake: FakeConverter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = models.create(MODEL, seed=1).state_dict()
    path = tmp_path / "w.safetensors"
    save_file(weights, path)
    of_file = convert(ModelSource(MODEL, str(path)), to=Format("fake", "fp32"), out=str(tmp_path))
    monkeypatch.setattr(calling, "_call", None)  # no child process is needed for tensors
    monkeypatch.setattr(calling, "_in_child", False)
    source = ModelSource(MODEL, state_dict=weights, input_size=(64, 96))
    art = convert(source, to=Format("fake", "fp32"), out=tmp_path / "memory")
    monkeypatch.undo()
    recorded = [golden.read(each).outputs["logits"] for each in (art, of_file)]
    assert (recorded[0] == recorded[1]).all() and art.manifest.model.trained


def test_an_artifact_of_weights_in_memory_is_checked_with_a_file_of_them(
    fake: FakeConverter, tmp_path: Path
) -> None:
    weights = models.create(MODEL, seed=1).state_dict()
    art = convert(ModelSource(MODEL, state_dict=weights), to=Format("fake", "fp32"), out=tmp_path)
    torch.save({"model": weights}, tmp_path / "w.pth")
    assert check(art, checkpoint=str(tmp_path / "w.pth"), modules=False).notes == ()
    torch.save(models.create(MODEL, seed=2).state_dict(), tmp_path / "other.pth")
    with pytest.raises(UsageError, match="is not this artifact's checkpoint"):
        check(art, checkpoint=tmp_path / "other.pth")


def test_one_number_is_the_side_of_a_square() -> None:
    for size, sides in ((64, (64, 64)), ((64, 96), (64, 96))):
        source = ModelSource(MODEL, untrained=True, input_size=size)
        assert reference.load(source).input_size == sides
    for wrong in (0, "224", (1, 2, 3), (64, 9.5)):
        with pytest.raises(UsageError, match="such as 224 or"):
            ModelSource(MODEL, untrained=True, input_size=wrong)


def test_the_choice_of_weights_is_in_the_manifest_and_check_makes_it_again(
    fake: FakeConverter, tmp_path: Path
) -> None:
    raw, mean = (models.create(MODEL, seed=seed).state_dict() for seed in (1, 2))
    path = tmp_path / "both.pth"
    torch.save({"model": raw, "model_ema": mean}, path)
    for weights in ("raw", None):
        source = ModelSource(MODEL, checkpoint=path, weights=weights)
        art = convert(source, to=Format("fake", "fp32"), out=tmp_path, force=True)
        assert art.manifest.model.weights == weights
        assert any("weights taken from" in note for note in art.manifest.notes)
        assert check(art.root, checkpoint=path, modules=False).passed

"""`check` with a target in memory: what it compares, reports and refuses."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from artifact_folders import rewrite
from fake_converter import FakeConverter, install, with_error
from PIL import Image
from safetensors.torch import save_file

import slide_mobile
from slide_mobile import models
from slide_mobile.artifact import documents
from slide_mobile.artifact.folder import MANIFEST, ArtifactFolder
from slide_mobile.demo.render import render_many
from slide_mobile.errors import GateFailed, SlideMobileError, UsageError
from slide_mobile.parity.check_result import CheckDocument
from slide_mobile.parity.source import ModelSource
from slide_mobile.pipeline.check import check
from slide_mobile.pipeline.compare import compare
from slide_mobile.pipeline.convert import convert
from slide_mobile.pipeline.inspect import inspect
from slide_mobile.targets.format import Format

MODEL = "slide_swin_test"


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeConverter:
    converter = FakeConverter()
    install(monkeypatch, converter)
    return converter


@pytest.fixture
def art(fake: FakeConverter, tmp_path: Path) -> ArtifactFolder:
    """An artifact with random weights, whose reference `check` can rebuild without a file."""
    source = ModelSource(MODEL, untrained=True)
    return convert(source, to=Format("fake", "fp16"), out=tmp_path / "untrained")


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "trained.safetensors"
    save_file(models.create(MODEL).state_dict(), path)
    return path


@pytest.fixture
def trained(fake: FakeConverter, checkpoint: Path, tmp_path: Path) -> ArtifactFolder:
    """An artifact of a user's checkpoint, whose reference `check` can only rebuild from a file."""
    source = ModelSource(MODEL, checkpoint=checkpoint)
    return convert(source, to=Format("fake", "fp16"), out=tmp_path / "trained")


def photos(folder: Path, classes: int) -> Path:
    for i, image in enumerate(render_many(5, 2 * classes, 96)[0]):
        (folder / str(i % classes)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[16:80]).save(folder / str(i % classes) / f"{i}.png")
    return folder


def test_an_artifact_passes_again_and_names_its_modules(art: ArtifactFolder) -> None:
    found = check(art.root)
    assert found.passed and found.runtime == "Fake, in memory"
    assert found.parity.samples == 8 and found.images == "golden images"
    names = [row.module for row in found.modules]
    assert len(names) == len(set(names)) >= 25 and "patch_embed.proj" in names
    assert [row.own_db for row in found.modules] == sorted(row.own_db for row in found.modules)
    document = documents.decode(documents.encode(found.document()), CheckDocument)
    assert document.integrity == "self-consistent" and document.passed


def test_an_fp16_file_is_judged_by_the_executor_that_rounds(
    art: ArtifactFolder, fake: FakeConverter
) -> None:
    fake.half_decibels = 30.0
    found = check(art.root)
    assert not found.passed and found.runtime == "Fake, rounded to fp16"
    found = compare([art.root, shutil.copytree(art.root, art.root.with_name("copy"))])
    assert found.runtimes == ("Fake, rounded to fp16",) * 2


def test_modules_are_compared_with_the_form_that_was_converted(
    fake: FakeConverter, tmp_path: Path
) -> None:
    state = models.create(MODEL).state_dict()
    state["patch_embed.norm.bias"][5] = 900  # so that the stream of stage 1 is scaled
    path = tmp_path / "large.safetensors"
    save_file(state, path)
    fake.decibels = lambda recipe, modules: 80.0
    large = convert(ModelSource(MODEL, checkpoint=path), to=Format("fake", "fp16"), out=tmp_path)
    rows = {row.module: row.sqnr_db for row in check(large.root, checkpoint=path).modules}
    assert rows["layers.0.blocks.0.mlp.fc2"] == pytest.approx(80, abs=1)


def test_without_its_weights_the_recorded_logits_stand_for_pytorch(
    trained: ArtifactFolder, checkpoint: Path
) -> None:
    found = check(trained.root)
    assert found.passed and found.modules == ()
    assert found.notes == (
        "compared with PyTorch's recorded logits; --checkpoint FILE runs PyTorch again",
    )
    again = check(trained.root, checkpoint=checkpoint)
    assert again.passed and again.modules and again.notes == ()


def test_the_golden_images_alone_are_compared_with_what_was_recorded(
    trained: ArtifactFolder,
) -> None:
    found = check(trained.root, samples="golden")
    golden = trained.manifest.golden
    assert found.passed and found.images == "golden images" and found.notes == ()
    assert found.parity.samples == len(golden)
    assert [row.file for row in found.golden] == [item.file for item in golden]
    for row, item in zip(found.golden, golden, strict=True):
        assert row.logits is not None and item.logits is not None
        # The fake noise is relative to each image, so each image has the SQNR of all images.
        assert row.sqnr_db == pytest.approx(found.parity.sqnr_db, abs=0.1)
        assert row.logits == pytest.approx(item.logits, abs=0.1)


def test_modules_can_be_left_out(art: ArtifactFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    assert check(art.root, modules=False).modules == ()
    assert check(art.root, samples="golden").modules
    # In this case the reference is not needed.
    monkeypatch.setattr(models, "create", None)
    assert check(art.root, samples="golden", modules=False).passed


def test_another_checkpoint_is_refused(trained: ArtifactFolder, tmp_path: Path) -> None:
    other = tmp_path / "other.safetensors"
    state = models.create(MODEL).state_dict()
    save_file(state | {"head.bias": state["head.bias"] + 1}, other)
    with pytest.raises(UsageError, match=r"is not this artifact's checkpoint: its sha256 is"):
        check(trained.root, checkpoint=other)


def test_random_weights_take_no_checkpoint(art: ArtifactFolder, checkpoint: Path) -> None:
    with pytest.raises(UsageError, match="needs no checkpoint: leave out"):
        check(art.root, checkpoint=checkpoint)


@pytest.mark.parametrize("asked", ["folder", "modules"])
def test_images_and_modules_need_the_reference(
    asked: str, trained: ArtifactFolder, tmp_path: Path
) -> None:
    folder = photos(tmp_path / "photos", 5) if asked == "folder" else None
    option = "--images" if asked == "folder" else "--modules"
    with pytest.raises(UsageError, match=f"{option} needs the reference model: give the --checkp"):
        check(trained.root, folder=folder, modules=asked == "modules" or None)


def test_labelled_images_measure_task_top1(
    trained: ArtifactFolder, checkpoint: Path, tmp_path: Path
) -> None:
    found = check(trained.root, folder=photos(tmp_path / "photos", 5), checkpoint=checkpoint)
    assert found.parity.accuracy is not None and found.parity.accuracy.images == 10
    assert found.parity.accuracy.reference_top1 is not None and found.images == "photos"


def test_a_file_that_was_replaced_by_a_worse_one_fails(
    art: ArtifactFolder, fake: FakeConverter, tmp_path: Path
) -> None:
    content = json.loads(art.model_path.read_bytes())
    form = fake.forms[art.model_path.read_bytes()]
    art.model_path.write_text(json.dumps(content | {"decibels": 20.0}))
    fake.forms[art.model_path.read_bytes()] = form
    rewrite(art.root)
    found = check(art.root)
    assert not found.passed and found.parity.sqnr_db == pytest.approx(20, abs=0.1)
    assert found.parity.failures == ("SQNR 20.0 dB, the floor is 50 dB",)


def test_a_floor_in_the_manifest_is_not_the_floor_of_the_gate(
    art: ArtifactFolder, fake: FakeConverter
) -> None:
    form = fake.forms[art.model_path.read_bytes()]
    art.model_path.write_text(json.dumps({"number": 0, "decibels": 10.0, "precision": "fp16"}))
    fake.forms[art.model_path.read_bytes()] = form
    rewrite(art.root, parity={"min_sqnr_db": -100})
    assert not check(art.root).passed


@pytest.mark.parametrize("verb", [check, inspect], ids=["check", "inspect"])
@pytest.mark.parametrize("name", ["model.fake", "labels.txt", "golden/00.ppm"])
def test_a_changed_file_is_found(verb: object, name: str, art: ArtifactFolder) -> None:
    path = art.root / name
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(GateFailed, match=f"{name} does not match the manifest"):
        verb(art.root)  # type: ignore[operator]
    path.unlink()
    with pytest.raises(GateFailed, match=f"{name} is missing"):
        verb(art.root)  # type: ignore[operator]


def test_a_model_file_of_something_else_is_one_line(art: ArtifactFolder) -> None:
    art.model_path.write_bytes(b"not a model")
    rewrite(art.root)
    with pytest.raises(SlideMobileError, match="is not a fake model file"):
        check(art.root)


def test_an_edited_golden_logit_is_found(art: ArtifactFolder) -> None:
    path = art.root / MANIFEST
    document = json.loads(path.read_text())
    document["golden"][0]["logits"][0] += 0.1
    path.write_text(json.dumps(document))
    with pytest.raises(GateFailed, match="the golden logits are not those of the reference model"):
        check(art.root)


def test_the_odd_one_of_three_is_named(
    art: ArtifactFolder, fake: FakeConverter, tmp_path: Path
) -> None:
    roots = [art.root]
    for name, decibels in (("good", 60.0), ("bad", 20.0)):
        root = Path(shutil.copytree(art.root, tmp_path / name))
        form = fake.forms[art.model_path.read_bytes()]
        (root / "model.fake").write_text(json.dumps({"number": name, "decibels": decibels}))
        fake.forms[(root / "model.fake").read_bytes()] = form
        rewrite(root)
        roots.append(root)
    found = compare(roots)
    assert not found.passed and found.odd_one_out == tmp_path / "bad"
    assert compare(roots[:2]).passed and found.runtimes == ("Fake, in memory",) * 3


def test_the_public_names_are_these_verbs() -> None:
    assert (slide_mobile.check, slide_mobile.compare) == (check, compare)
    assert (slide_mobile.convert, slide_mobile.inspect) == (convert, inspect)


def test_the_planted_error_is_what_it_says() -> None:
    from slide_mobile.parity.metrics import sqnr_db

    x = torch.randn(3, 7, generator=torch.Generator().manual_seed(0)).numpy()
    assert sqnr_db(x, with_error(x, 33.0)) == pytest.approx(33.0, abs=0.01)


@pytest.mark.parametrize(
    ("claim", "difference"),
    [
        ({"precision": "int8"}, "precision fp16, the manifest says int8"),
        ({"graph": {"ops": {"FAKE": 2}}}, "FAKE operations 1, the manifest says 2"),
        ({"graph": {"ops": {"CONV": 1}}}, "CONV operations 0, the manifest says 1"),
        ({"graph": {"max_rank": 3}}, "the rank 4, the manifest says 3"),
        ({"graph": {"int8_mac_fraction": 0.7}}, r"the int8 share 0\.0, the manifest says 0\.7"),
        ({"size_bytes": 1}, r"the size in bytes \d+, the manifest says 1"),
    ],
)
def test_what_the_manifest_says_of_the_file_must_be_so(
    claim: dict[str, Any], difference: str, art: ArtifactFolder
) -> None:
    document = json.loads((art.root / MANIFEST).read_bytes())
    for name, value in claim.items():
        document[name] = {**document[name], **value} if name == "graph" else value
    (art.root / MANIFEST).write_text(json.dumps(document))
    with pytest.raises(GateFailed, match=f"has {difference}: one of them was changed"):
        check(art.root)

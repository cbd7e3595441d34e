"""The folder appears whole or not at all, and says when it was changed."""

import json
import os
import re
from pathlib import Path

import pytest

from slide_mobile.artifact.folder import Artifact, digest
from slide_mobile.artifact.manifest import Manifest, seal, write_manifest
from slide_mobile.errors import ArtifactError, GateFailed


def test_the_digest_of_a_folder_sees_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "a").write_text("1")
    first = digest(tmp_path / "m")
    (tmp_path / "m" / "a").rename(tmp_path / "m" / "b")
    renamed = digest(tmp_path / "m")
    (tmp_path / "m" / "b").write_text("2")
    assert len({first, renamed, digest(tmp_path / "m")}) == 3


def test_the_digest_of_a_folder_takes_names_that_are_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    first = digest(tmp_path)
    (tmp_path / os.fsdecode(b"\xff")).write_text("")
    assert digest(tmp_path) != first


def sealed(plain: dict) -> str:
    return json.dumps(plain | {"manifest_sha256": seal(plain)})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is not an artifact folder"),
        ("{", "is not JSON"),
        ("[]", "the manifest is damaged: the document"),
        ("[" * 100_000, "is not JSON"),
        ('{"schema_version": NaN}', "NaN is not a JSON number"),
        ('{"schema_version": 99}', "the manifest was changed"),
        (sealed({"schema_version": 99}), "schema 99 is not 4: update slide-mobile"),
        (sealed({"schema_version": 3}), "schema 3 is not 4: convert the model again"),
        (sealed({"schema_version": 4}), "the manifest is damaged"),
    ],
)
def test_what_is_no_artifact_is_refused_in_one_line(
    content: str | None, message: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    with pytest.raises((ArtifactError, GateFailed), match=message) as caught:
        Artifact.open(tmp_path)
    broken = re.search("damaged|changed", str(caught.value)) is not None
    assert caught.value.exit_code == (1 if broken else 2)
    assert "\n" not in str(caught.value) and str(caught.value).count(str(tmp_path)) == 1


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_text("")
    with pytest.raises(ArtifactError, match="give the artifact's folder"):
        Artifact.open(tmp_path / "model.tflite")


SHA = "0" * 64
LOGITS = {"name": "logits", "shape": [1, 2], "dtype": "float32", "layout": None}
GOLDEN: dict = {
    "file": "golden/00.png", "sha256": SHA, "label": None,
    "logits": None, "maps": None, "maps_sha256": None,
}  # fmt: skip


def a_manifest() -> dict:
    return {
        "schema_version": 4,
        "model": {
            "name": "m", "family": "f", "num_classes": 2, "params": 1, "macs": 1,
            "trained": True, "checkpoint_sha256": SHA,
        },
        "task": "classify",
        "target": "tflite", "precision": "int8", "backend": "xnnpack", "via": "litert",
        "file": "model.tflite", "file_sha256": SHA, "size_bytes": 1, "labels_sha256": SHA,
        "input": {
            "name": "image", "shape": [1, 8, 9, 3], "layout": "NHWC", "dtype": "float32",
            "color": "RGB", "range": [0, 255], "mean": [0.5, 0.5, 0.5], "std": [1, 1, 1],
        },
        "output": dict(LOGITS),
        "outputs": [dict(LOGITS)],
        "graph": {
            "ops": {"CONV_2D": 1}, "max_rank": 4, "partitions": 1, "delegated_ops": 1,
            "total_ops": 1, "int8_mac_fraction": 1, "min_runtime": None, "findings": [],
        },
        "float_modules": ["head"],
        "parity": {
            "passed": True, "sqnr_db": 30, "min_sqnr_db": 20, "max_abs": 0.1,
            "top1_agreement": 1, "min_top1_agreement": 0.97, "samples": 8,
            "outputs": [{"name": "logits", "sqnr_db": 30, "max_abs": 0.1}],
            "reference": "pytorch", "images": "somewhere",
        },
        "accuracy": None,
        "calibration": {"images": 1, "sha256": SHA, "source": "photos"},
        "golden": [GOLDEN | {"logits": [0.5, 1.0]}],
        "notes": [],
        "toolchain": {"python": "3", "torch": "2", "slide_mobile": "0"},
        "created": "2026-01-01T00:00:00+00:00",
    }  # fmt: skip


def a_folder(root: Path, *, labels: bytes = b"cat\ndog\n") -> Artifact:
    (root / "golden").mkdir()
    contents = {"model.tflite": b"1", "labels.txt": labels, "golden/00.png": b"2"}
    for name, content in contents.items():
        (root / name).write_bytes(content)
    file, listed, image = (digest(root / name) for name in contents)
    plain = a_manifest() | {"file_sha256": file, "labels_sha256": listed}
    plain["golden"][0]["sha256"] = image
    write_manifest(root, Manifest.from_json(json.loads(sealed(plain))))
    return Artifact.open(root)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (b"cat\ndog\nbird\n", "has 3 labels, the model has 2 classes"),
        (b"cat\n\xff\n", "labels.txt is not UTF-8"),
    ],
)
def test_labels_that_are_not_one_a_class_are_refused(
    labels: bytes, message: str, tmp_path: Path
) -> None:
    with pytest.raises(GateFailed, match=message):
        a_folder(tmp_path, labels=labels).verify()


def test_a_file_that_cannot_be_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> str:
        raise PermissionError(13, "Permission denied")

    art = a_folder(tmp_path)
    art.verify()
    monkeypatch.setattr("slide_mobile.artifact.folder.digest", refuse)
    with pytest.raises(GateFailed, match=r"model\.tflite cannot be read .Permission denied"):
        art.verify()


def a_manifest_of_features() -> dict:
    outputs = [
        {"name": f"stage{i}", "shape": [1, 2, 3, 16], "dtype": "float32", "layout": "NHWC"}
        for i in range(1, 5)
    ]
    golden = GOLDEN | {"maps": "golden/00.safetensors", "maps_sha256": SHA}
    return a_manifest() | {
        "task": "features", "labels_sha256": None, "output": None, "outputs": outputs,
        "golden": [golden],
    }  # fmt: skip


def test_a_manifest_of_features_survives_its_json() -> None:
    manifest = Manifest.from_json(json.loads(sealed(a_manifest_of_features())))
    assert Manifest.from_json(manifest.to_json()) == manifest
    assert manifest.output is None and manifest.labels_sha256 is None
    assert [output["name"] for output in manifest.outputs] == [f"stage{i}" for i in range(1, 5)]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"task": "classify"}, "its outputs are not those of classify"),
        ({"outputs": a_manifest_of_features()["outputs"][:3]}, "its outputs are not those"),
        ({"outputs": a_manifest_of_features()["outputs"][::-1]}, "its outputs are not those"),
        ({"output": a_manifest_of_features()["outputs"][0]}, "neither logits nor labels"),
        ({"labels_sha256": SHA}, "neither logits nor labels"),
        ({"golden": [GOLDEN | {"logits": [0.5, 1.0]}]}, "golden images have no maps"),
        ({"golden": [GOLDEN | {"maps": "../secret.safetensors", "maps_sha256": SHA}]}, "golden/0"),
    ],
    ids=str,
)
def test_features_and_logits_do_not_mix(change: dict, why: str) -> None:
    plain = a_manifest_of_features() | change
    with pytest.raises(GateFailed, match=f"the manifest is damaged: .*{why}"):
        Manifest.from_json(json.loads(sealed(plain)))


def test_maps_state_their_layout() -> None:
    plain = a_manifest_of_features()
    plain["outputs"][2]["layout"] = None
    with pytest.raises(GateFailed, match="features are maps, which have a layout"):
        Manifest.from_json(json.loads(sealed(plain)))


def test_a_manifest_survives_its_json() -> None:
    manifest = Manifest.from_json(json.loads(sealed(a_manifest())))
    assert Manifest.from_json(manifest.to_json()) == manifest
    assert manifest.golden[0].logits == (0.5, 1.0)
    assert manifest.float_modules == ("head",)


@pytest.mark.parametrize("key", list(a_manifest()))
@pytest.mark.parametrize("value", [..., "x", -1, [1], {"a": 1}, True], ids=repr)
def test_a_damaged_field_is_refused(key: str, value: object) -> None:
    plain = a_manifest()
    kept = {
        "target", "precision", "backend", "via", "created",  # any text is text
    }  # fmt: skip
    if value is ...:
        del plain[key]
    else:
        plain[key] = value
    if key in kept and value == "x":
        return
    with pytest.raises((GateFailed, ArtifactError)):
        Manifest.from_json(json.loads(sealed(plain)))


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("file",), "/etc/passwd"),
        (("file",), "../model.tflite"),
        (("golden", 0, "file"), "../../secret.png"),
        (("golden", 0, "logits"), [1.0]),
        (("golden", 0, "logits"), []),
        (("golden",), []),
        (("labels_sha256",), None),  # though a classifier
        (("output",), None),
        (("output", "dtype"), "float16"),  # and not the first of `outputs`
        (("parity", "outputs"), []),
        (("model", "trained"), "no"),
        (("model", "trained"), False),  # with a checkpoint's sha256
        (("model", "checkpoint_sha256"), None),  # though trained
        (("model", "num_classes"), 0),
        (("input", "shape"), [1, 8, 9]),
        (("input", "mean"), "grey"),
        (("parity", "passed"), False),
        (("graph", "findings"), None),
        (("float_modules",), [""]),
        (("float_modules",), [1]),
    ],
    ids=str,
)
def test_a_damaged_nested_field_is_refused(where: tuple, value: object) -> None:
    plain = a_manifest()
    owner = plain
    for key in where[:-1]:
        owner = owner[key]
    owner[where[-1]] = value
    with pytest.raises(GateFailed, match="the manifest is damaged"):
        Manifest.from_json(json.loads(sealed(plain)))


@pytest.mark.parametrize("key", list(a_manifest()))
def test_an_edited_field_of_a_written_manifest_is_found(key: str, tmp_path: Path) -> None:
    write_manifest(tmp_path, Manifest.from_json(json.loads(sealed(a_manifest()))))
    assert Artifact.open(tmp_path).manifest.manifest_sha256
    plain = json.loads((tmp_path / "manifest.json").read_text())
    accuracy = {"top1": 1, "reference_top1": 1, "images": 1}
    edits = {
        "precision": "palette4", "size_bytes": 7, "created": "x", "notes": ["x"],
        "accuracy": accuracy,
    }  # fmt: skip
    plain[key] = edits.get(key, {**plain[key], "more": 1} if isinstance(plain[key], dict) else None)
    (tmp_path / "manifest.json").write_text(json.dumps(plain))
    with pytest.raises(GateFailed, match=r"damaged|changed after it was certified"):
        Artifact.open(tmp_path)


def test_fields_of_the_manifest_are_those_of_the_contract() -> None:
    required = {
        "schema_version", "model", "target", "precision", "backend", "file", "file_sha256",
        "size_bytes", "input", "output", "graph", "parity", "accuracy", "calibration", "golden",
        "toolchain", "created",
    }  # fmt: skip
    assert required <= set(Manifest.__dataclass_fields__)

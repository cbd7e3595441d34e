"""The manifest: every field is typed, and contradictions are refused when it is read."""

import copy
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from artifact_folders import SHA, manifest, plain, plain_features
from jsonschema import Draft202012Validator

import slide_mobile
from slide_mobile.artifact import documents
from slide_mobile.artifact import manifest as manifests
from slide_mobile.artifact.manifest import Manifest
from slide_mobile.errors import ArtifactError, GateFailed

SCHEMA = Path(slide_mobile.__file__).parent / "artifact/manifest.schema.json"


def read(document: object) -> Manifest:
    return manifests.read(json.dumps(document).encode())


@pytest.mark.parametrize("document", [plain(), plain_features()], ids=["classify", "features"])
def test_a_manifest_survives_its_json(document: dict[str, Any]) -> None:
    found = read(document)
    assert manifests.read(documents.encode(found)) == found
    assert found.float_modules == ("head",)


def test_the_published_schema_is_that_of_the_classes() -> None:
    assert SCHEMA.read_bytes() == manifests.published()


@pytest.mark.parametrize("document", [plain(), plain_features()], ids=["classify", "features"])
def test_the_published_schema_takes_what_we_write(document: dict[str, Any]) -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(json.loads(documents.encode(read(document))))


def test_a_repr_is_one_short_line() -> None:
    assert repr(read(plain())) == "<Manifest m, classify, tflite, int8, 30.0 dB>"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "the manifest is damaged: it is not JSON"),
        ("[]", "the manifest is damaged: expected `object`, got `array`"),
        ("[" * 100_000, "the manifest is damaged: it is nested too deeply"),
        ('{"schema_version": NaN}', "NaN is not a JSON number"),
        ('{"schema_version": 5}', "the manifest is damaged: object missing required field"),
        ('{"schema_version": 5, "schema_version": 5}', "the key 'schema_version' occurs twice"),
        ('{"a": {"b": 1, "\\u0062": 2}}', "the key 'b' occurs twice"),
    ],
)
def test_what_is_no_manifest_is_damaged_in_one_line(content: str, message: str) -> None:
    with pytest.raises(GateFailed) as caught:
        manifests.read(content.encode())
    assert message in str(caught.value)
    assert "\n" not in str(caught.value) and len(str(caught.value)) <= 300


@pytest.mark.parametrize(
    ("version", "message"),
    [
        (99, "manifest schema 99 is not 5: update slide-mobile"),
        (4, "manifest schema 4 is not 5: convert the model again"),
        (3, "manifest schema 3 is not 5: convert the model again"),
    ],
)
def test_another_version_is_refused_in_one_line(version: int, message: str) -> None:
    with pytest.raises(ArtifactError) as caught:
        read({"schema_version": version, "manifest_sha256": SHA})
    assert str(caught.value) == message


def edited(document: dict[str, Any], where: tuple[str | int, ...], value: object) -> dict[str, Any]:
    """Return a copy with one field changed, or removed if the value is `...`."""
    found = copy.deepcopy(document)
    owner: Any = found
    for key in where[:-1]:
        owner = owner[key]
    if value is ...:
        del owner[where[-1]]
    else:
        owner[where[-1]] = value
    return found


def test_a_path_that_leads_out_is_named_with_its_place() -> None:
    with pytest.raises(GateFailed, match=r"the manifest is damaged: files: expected `str` match"):
        read(edited(plain(), ("files", "../secret"), SHA))


@pytest.mark.parametrize("key", list(plain()))
@pytest.mark.parametrize("value", [..., "x", -1, [1], {"a": 1}, True], ids=repr)
def test_a_damaged_field_is_refused(key: str, value: object) -> None:
    free = {"target", "precision", "backend", "via", "created"}  # any text is text
    if key in free and value == "x":
        return
    with pytest.raises((GateFailed, ArtifactError)):
        read(edited(plain(), (key,), value))


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("file",), "/etc/passwd"),
        (("file",), "../model.tflite"),
        (("files", "../secret"), SHA),
        (("files", "/etc/passwd"), SHA),
        (("files", "golden/../../x"), SHA),
        (("files", ".hidden"), SHA),
        (("files", "a\\b"), SHA),
        (("files", "model.tflite"), "0"),
        (("files", "model.tflite"), SHA + "\n"),
        (("files", "model.tflite"), ...),
        (("files", "labels.txt"), ...),  # though a classifier
        (("files", "golden/00.ppm"), ...),
        (("golden", 0, "file"), "../../secret.png"),
        (("golden", 0, "logits"), [1.0]),
        (("golden", 0, "logits"), []),
        (("golden", 0, "logits"), None),  # though a classifier
        (("golden",), []),
        (("outputs",), []),
        (("parity", "outputs"), []),
        (("model", "trained"), "no"),
        (("model", "trained"), False),  # with a checkpoint's sha256
        (("model", "checkpoint_sha256"), None),  # though trained
        (("model", "num_classes"), 0),
        (("input", "shape"), [1, 8, 9]),
        (("input", "shape"), [1, 8, 9, 4]),
        (("input", "shape"), [2, 8, 9, 3]),
        (("input", "mean"), "grey"),
        (("input", "std"), [1, 0, 1]),
        (("parity", "passed"), False),
        (("parity", "sqnr_db"), 19.9),  # below the floor
        (("graph", "findings"), None),
        (("float_modules",), [""]),
        (("float_modules",), [1]),
        (("unknown",), 1),
        (("model", "unknown"), 1),
    ],
    ids=str,
)
def test_a_damaged_nested_field_is_refused(where: tuple[str | int, ...], value: object) -> None:
    with pytest.raises(GateFailed, match="the manifest is damaged"):
        read(edited(plain(), where, value))


@pytest.mark.parametrize(
    ("field", "number"),
    [
        ('"sqnr_db": 30', '"sqnr_db": 1e999'),
        ('"sqnr_db": 30', '"sqnr_db": 1' + "0" * 400),
        ('"sqnr_db": 30', '"sqnr_db": NaN'),
        ('"sqnr_db": 30', '"sqnr_db": -Infinity'),
        ('"sqnr_db": 30', '"sqnr_db": 5000'),
        ('"min_sqnr_db": 20', '"min_sqnr_db": -1000'),
        ('"max_abs": 0.1', '"max_abs": 1e308'),
        ('"size_bytes": 1', '"size_bytes": 1' + "0" * 30),
        ('"params": 1', '"params": 1.5'),
        ('"shape": [1, 8, 9, 3]', '"shape": [1, 1' + "0" * 30 + ", 9, 3]"),
        ('"shape": [1, 8, 9, 3]', '"shape": [1, 20000, 9, 3]'),
    ],
)
def test_a_number_out_of_its_bounds_is_refused_where_it_is_read(field: str, number: str) -> None:
    text = json.dumps(plain())
    assert field in text
    with pytest.raises(GateFailed, match="the manifest is damaged"):
        manifests.read(text.replace(field, number, 1).encode())


def test_one_disagreement_among_few_images_is_forgiven_as_by_the_gate() -> None:
    document = plain()
    document["parity"] |= {"samples": 8, "top1_agreement": 0.875, "min_top1_agreement": 0.999}
    assert read(document).parity.top1_agreement == 0.875


def test_ten_thousand_golden_images_are_refused() -> None:
    document = plain()
    document["golden"] *= 10_000
    with pytest.raises(GateFailed, match="the manifest is damaged: golden: "):
        read(document)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"task": "classify"}, "its outputs are not those of the task 'classify'"),
        ({"outputs": plain_features()["outputs"][:3]}, "its outputs are not those of the task"),
        ({"outputs": plain_features()["outputs"][::-1]}, "its outputs are not those of the task"),
        ({"golden": plain()["golden"]}, "its golden images have no feature maps"),
        (
            {"golden": [plain_features()["golden"][0] | {"maps": "../secret.safetensors"}]},
            "golden[0].maps: ",
        ),
    ],
    ids=str,
)
def test_features_and_logits_do_not_mix(change: dict[str, Any], why: str) -> None:
    with pytest.raises(GateFailed) as caught:
        read(plain_features() | change)
    assert f"the manifest is damaged: {why}" in str(caught.value)


def test_maps_state_their_layout() -> None:
    document = edited(plain_features(), ("outputs", 2, "layout"), None)
    with pytest.raises(GateFailed, match="its feature maps must have four dimensions and a layout"):
        read(document)


def test_what_cannot_be_read_back_is_not_written(tmp_path: Path) -> None:
    wrong = msgspec.structs.replace(manifest(), size_bytes=0)
    with pytest.raises(GateFailed, match="size_bytes"):
        manifests.write(tmp_path, wrong)
    assert not any(tmp_path.iterdir())

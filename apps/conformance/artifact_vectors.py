"""Artifacts that Python, Swift and Kotlin must accept or refuse: README.md says what they mean.

The good documents are written by slide_mobile. Each bad one differs from a good one in the way that
its name says, and every reader must refuse it.
"""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from slide_mobile.artifact import documents, manifest
from slide_mobile.artifact.index import INDEX_VERSION, Entry, Index

Json = dict[str, Any]
DIGEST = "0123456789abcdef" * 4


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A document that every reader refuses; `says` is how the refusal has to end."""

    name: str
    text: str
    says: str | None = None


def manifests() -> Json:
    """Give `accepted` and `refused`: texts of a manifest.json."""
    good = _text(_manifest())
    package = _with(
        _manifest(),
        file="model.mlpackage",
        files=_files("model.mlpackage/Manifest.json", "model.mlpackage/Data/weight.bin"),
    )
    return {
        "accepted": [
            {"name": "a classifier", "text": good},
            {"name": "a package", "text": _text(package)},
            {"name": "a network of the user", "text": _text(_of_a_user())},
            {"name": "without blanks", "text": json.dumps(_manifest(), separators=(",", ":"))},
        ],
        "refused": [vars(refusal) for refusal in _refused_manifests(good)],
    }


def _refused_manifests(good: str) -> Iterator[Refusal]:
    for version in (4, 1):
        text = _text(_with(_manifest(), schema_version=version))
        says = f"manifest schema {version} is not 5: convert the model again"
        yield Refusal(name=f"schema {version}", text=text, says=says)
    yield Refusal(name="a newer schema", text=_text(_with(_manifest(), schema_version=6)))
    yield Refusal(name="no schema version", text=good.replace('"schema_version"', '"version"'))
    for name, old, new in _edits():
        assert good.count(old) == 1, old
        yield Refusal(name=name, text=good.replace(old, new))
    for name, text in (
        ("nothing", ""), ("a list", "[]"), ("a number", "5"), ("cut off", good[:-2]),
        ("two documents", good + good), ("2,000 brackets", "[" * 2_000),
    ):  # fmt: skip
        yield Refusal(name=name, text=text)


def _edits() -> Iterator[tuple[str, str, str]]:
    """Name, and what in the good text is replaced by what."""
    floor = '"min_sqnr_db":20.0'
    yield "a second parity", '"task":', '"parity":{"min_sqnr_db":-200},"task":'
    yield "a field named twice", floor, f'"min_sqnr_db":-200,{floor}'
    escaped = '"min_sqnr\\u005fdb":-200'
    yield "a field named twice, once with an escape", floor, f"{escaped},{floor}"
    label = f'"labels.txt":"{DIGEST}"'
    yield "a file listed twice", label, f"{label},{label}"
    yield "a floor of 1e999", floor, '"min_sqnr_db":1e999'
    yield "a floor that is not a number", floor, '"min_sqnr_db":NaN'
    yield "a floor of -1000 dB", floor, '"min_sqnr_db":-1000'
    yield "a floor as text", floor, '"min_sqnr_db":"20"'
    yield "a logit of 1e999", '"logits":[1.5,-0.5]', '"logits":[1e999,-0.5]'
    yield "a logit too many", '"logits":[1.5,-0.5]', '"logits":[1.5,-0.5,0.0]'
    yield "a size of 10^400", '"size_bytes":7', f'"size_bytes":1{"0" * 400}'
    shape = '"shape":[1,8,12,3]'
    yield "a shape of 10^30", shape, f'"shape":[1,1{"0" * 30},12,3]'
    yield "a side of 16385", shape, '"shape":[1,16385,12,3]'
    yield "a side of 0", shape, '"shape":[1,0,12,3]'
    yield "a batch of two", shape, '"shape":[2,8,12,3]'
    yield "four channels", shape, '"shape":[1,8,12,4]'
    yield "a shape of three sizes", shape, '"shape":[1,8,3]'
    yield "an output of 10^30", '"shape":[1,2]', f'"shape":[1,1{"0" * 30}]'
    yield "a layout that does not exist", '"NHWC"', '"HWCN"'
    yield "a task that does not exist", '"classify"', '"detect"'
    yield "a classifier without a number of classes", '"num_classes":2', '"num_classes":null'
    yield "a model outside the folder", '"file":"model.tflite"', '"file":"../model.tflite"'
    yield "a model with a line end", '"file":"model.tflite"', '"file":"model.tflite\\n"'
    yield "a model without a digest", '"model.tflite":', '"other.tflite":'
    yield "a file outside the folder", label, f'{label},"../labels.txt":"{DIGEST}"'
    yield "a digest of 63 digits", label, f'"labels.txt":"{DIGEST[1:]}"'
    yield "a classifier without labels", f"{label},", ""
    yield "a golden image without a digest", '"golden/00.ppm":', '"golden/01.ppm":'
    image = '{"file":"golden/00.ppm","label":"cat","logits":[1.5,-0.5],"maps":null}'
    yield "no golden images", image, ""
    yield "65 golden images", image, ",".join([image] * 65)
    yield "no outputs", '{"name":"logits","shape":[1,2],"dtype":"float32","layout":null}', ""


def indexes() -> Json:
    """Give `accepted` and `refused`: texts of an app's index.json."""
    entries = (Entry(folder="a-tflite-int8", manifest_sha256=DIGEST),)
    good = documents.encode(Index(schema_version=INDEX_VERSION, artifacts=entries)).decode()
    entry = f'"manifest_sha256": "{DIGEST}"'
    version = '"schema_version": 2'
    assert entry in good and version in good
    refused = (
        ("an older schema", good.replace(version, '"schema_version": 1')),
        ("a newer schema", good.replace(version, '"schema_version": 3')),
        ("a version named twice", good.replace(version, f"{version}, {version}")),
        ("a digest named twice", good.replace(entry, f"{entry}, {entry}")),
        ("artifacts named twice", good.replace(version, f'"artifacts": [], {version}')),
        ("no digest", good.replace("manifest_sha256", "sha256")),
        ("a digest as a number", good.replace(f'"{DIGEST}"', "7")),
        ("no artifacts", good.replace('"artifacts"', '"folders"')),
        ("a version of 1e999", good.replace(version, '"schema_version": 1e999')),
        ("a list", "[]"),
        ("cut off", good[:-3]),
        ("nothing", ""),
    )
    return {
        "accepted": [
            {"name": "one artifact", "text": good},
            {
                "name": "none",
                "text": documents.encode(
                    Index(schema_version=INDEX_VERSION, artifacts=())
                ).decode(),
            },
        ],
        "refused": [vars(Refusal(name=name, text=text)) for name, text in refused],
    }


def paths() -> Json:
    """Give `accepted` and `refused`: what a manifest may and may not list as a file."""
    return {
        "accepted": [
            "model.pte", "golden/00.ppm", "a/b/c", "A-b_c.d", "_hidden", "0", "a..b", "a.",
            "model.mlpackage/Data/com.apple.CoreML/weights/weight.bin",
        ],
        "refused": [
            "", "/", "/etc/passwd", "../a", "a/../b", "a/..", ".", "..", ".a", "a/.b", "a//b", "a/",
            "a\\b", "a b", "a\n", "a\u0000", "a:b", "-a", "ä", "a\u0301", "~", "a/\n/b",
            "\uff0e\uff0e/a",
        ],
    }  # fmt: skip


def golden_images() -> Json:
    """Give `accepted` and `refused`: files of a height and width, in base64."""
    header, pixels = b"P6\n3 2\n255\n", bytes(range(250, 256)) + bytes(range(12))
    good = header + pixels
    refused = (
        ("a row too few", good[:-9]),
        ("a byte too few", good[:-1]),
        ("a byte too many", good + b"\n"),
        ("turned", b"P6\n2 3\n255\n" + pixels),
        ("another size of as many pixels", b"P6\n6 1\n255\n" + pixels),
        ("16 bits a channel", b"P6\n3 2\n65535\n" + pixels * 2),
        ("plain text", b"P3\n3 2\n255\n" + pixels),
        ("blanks in the header", b"P6 3 2 255\n" + pixels),
        ("a comment in the header", b"P6\n# 3 2\n3 2\n255\n" + pixels),
        ("a line end of two bytes", b"P6\r\n3 2\r\n255\r\n" + pixels),
        ("a leading zero", b"P6\n03 2\n255\n" + pixels),
        ("a PNG", b"\x89PNG\r\n\x1a\n" + pixels),
        ("nothing", b""),
    )
    return {
        "accepted": [_image("3 x 2 pixels", good)],
        "refused": [_image(name, content) for name, content in refused],
    }


def _image(name: str, content: bytes) -> Json:
    return {
        "name": name,
        "height": 2,
        "width": 3,
        "ppm": base64.b64encode(content).decode(),
    }


def _manifest() -> Json:
    """A whole manifest of a small classifier."""
    plain: Json = {
        "schema_version": 5,
        "model": {
            "name": "m", "family": "f", "num_classes": 2, "params": 1, "macs": 1, "trained": False,
            "checkpoint_sha256": None,
        },
        "task": "classify", "target": "tflite", "precision": "int8", "backend": "xnnpack",
        "via": "litert_torch", "file": "model.tflite", "size_bytes": 7,
        "files": _files("model.tflite"),
        "input": {
            "name": "image", "shape": [1, 8, 12, 3], "layout": "NHWC", "dtype": "float32",
            "color": "RGB", "range": [0, 255], "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5],
        },
        "outputs": [{"name": "logits", "shape": [1, 2], "dtype": "float32", "layout": None}],
        "graph": {
            "ops": {"CONV_2D": 1}, "max_rank": 4, "partitions": 1, "delegated_ops": 1,
            "total_ops": 1, "int8_mac_fraction": 1.0, "min_runtime": None, "findings": [],
        },
        "float_modules": [],
        "parity": {
            "passed": True, "sqnr_db": 30.0, "min_sqnr_db": 20.0, "max_abs": 0.25,
            "top1_agreement": 1.0, "min_top1_agreement": None,
            "outputs": [{"name": "logits", "sqnr_db": 31.0, "max_abs": 0.125}],
            "samples": 8, "reference": "pytorch", "images": "drawn at random", "runtime": "LiteRT",
        },
        "accuracy": None, "calibration": None,
        "golden": [{"file": "golden/00.ppm", "label": "cat", "logits": [1.5, -0.5], "maps": None}],
        "notes": [], "toolchain": {"torch": "2"}, "created": "2026-01-01T00:00:00+00:00",
    }  # fmt: skip
    return plain


def _of_a_user() -> Json:
    """A manifest of a network that is no model of the catalogue: it names its own outputs."""
    plain = _manifest()
    facts = {"num_classes": None, "trained": True, "checkpoint_sha256": DIGEST}
    parity = {"sqnr_db": 31.0, "max_abs": 0.125}
    proof = {"module": "norm", "rewrite": "LayerNorm as sums", "sqnr_db": 140.0}
    return _with(
        plain,
        task="own",
        model={**plain["model"], **facts},
        files=dict.fromkeys(["model.tflite", "golden/00.ppm", "golden/00.safetensors"], DIGEST),
        outputs=[
            {"name": "left.mask", "shape": [1, 4, 6, 2], "dtype": "float32", "layout": "NHWC"},
            {"name": "scores", "shape": [1, 5], "dtype": "float32", "layout": None},
        ],
        parity={
            **plain["parity"],
            "top1_agreement": None,
            "outputs": [{"name": name, **parity} for name in ("left.mask", "scores")],
        },
        golden=[
            {
                "file": "golden/00.ppm",
                "label": None,
                "logits": None,
                "maps": "golden/00.safetensors",
            }
        ],
        own={"source": "net.py:build", "rewritten": [proof], "left": []},
    )


def _files(*model: str) -> dict[str, str]:
    return dict.fromkeys([*model, "labels.txt", "golden/00.ppm"], DIGEST)


def _with(plain: Json, **changes: object) -> Json:
    return {**plain, **changes}


def _text(plain: Json) -> str:
    """JSON without blanks; a whole manifest is one that slide_mobile reads."""
    text = json.dumps(plain, separators=(",", ":"))
    if plain["schema_version"] == manifest.SCHEMA_VERSION:
        manifest.read(text.encode())
    return text

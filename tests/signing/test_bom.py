"""The bill of materials of an artifact."""

import json
from pathlib import Path

import pytest
from artifact_folders import folder
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from slide_mobile.artifact import documents
from slide_mobile.signing.bom import bom


@pytest.mark.parametrize("trained", [True, False])
def test_it_is_valid_and_says_what_made_the_file(tmp_path: Path, trained: bool) -> None:
    model = {"trained": trained, "checkpoint_sha256": "ab" * 32 if trained else None}
    art = folder(
        tmp_path / "a",
        model=model,
        toolchain={"python": "3.11.7", "litert_torch": "0.9.1", "torch": "2.13.0"},
        accuracy={"top1": 0.99, "reference_top1": 0.991, "images": 204} if trained else None,
    )
    text = documents.encode(bom(art)).decode()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    found = json.loads(text)
    about = found["metadata"]["component"]
    assert about["type"] == "machine-learning-model" and about["name"] == art.manifest.model.name
    assert about["hashes"] == [{"alg": "SHA-256", "content": art.manifest.files["model.tflite"]}]
    metrics = {
        m["type"]: m["value"]
        for m in about["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    }
    assert metrics["SQNR against PyTorch, dB"] == "30.0"
    assert metrics.get("top-1 accuracy") == ("0.9900" if trained else None)
    parts = {part["name"]: part for part in found["components"]}
    assert parts["litert_torch"]["purl"] == "pkg:pypi/litert-torch@0.9.1"
    assert ("checkpoint of m" in parts) == trained
    if trained:
        assert parts["checkpoint of m"]["hashes"][0]["content"] == "ab" * 32
    (made_with,) = found["dependencies"]
    assert set(made_with["dependsOn"]) == {part["bom-ref"] for part in found["components"]}


def test_the_same_artifact_gives_the_same_bytes(tmp_path: Path) -> None:
    one, other = folder(tmp_path / "a"), folder(tmp_path / "b")
    assert documents.encode(bom(one)) == documents.encode(bom(other))
    changed = folder(tmp_path / "c", labels=b"dog\ncat\n")
    assert documents.encode(bom(one)) != documents.encode(bom(changed))

"""Comparison of artifacts with each other: pairs, floors, and the odd one out."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from artifact_folders import manifest, plain, plain_features

from slide_mobile.artifact import documents
from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.errors import UsageError
from slide_mobile.parity import pairwise
from slide_mobile.parity.pairwise import Agreement


def artifact(
    folder: str,
    precision: str = "fp32",
    labels: str = "b" * 64,
    task: str = "classify",
    **changes: object,
) -> ArtifactFolder:
    base = plain() if task == "classify" else plain_features()
    files = base["files"] | ({"labels.txt": labels} if task == "classify" else {})
    facts = {"checkpoint_sha256": "a" * 64} | changes
    if not facts.get("trained", True):
        facts["checkpoint_sha256"] = None
    found = manifest(base, model=facts, precision=precision, files=files)
    return ArtifactFolder(root=Path(folder), manifest=found, manifest_sha256="")


def rows(noise: float = 0.0, seed: int = 0) -> np.ndarray:
    logits = np.random.default_rng(7).normal(size=(64, 5))
    return (logits + noise * np.random.default_rng(seed).normal(size=logits.shape)).astype("f4")


def compared(*cases: tuple[ArtifactFolder, np.ndarray]) -> Agreement:
    artifacts, logits = zip(*cases, strict=True)
    outputs = [{"logits": x} for x in logits]
    return pairwise.compare(artifacts, outputs, runtimes=["here"] * len(cases), images="noise")


def test_equal_outputs_agree() -> None:
    found = compared((artifact("a"), rows()), (artifact("b"), rows()))
    assert found.passed and found.odd_one_out is None and found.samples == 64
    assert [(pair.a.name, pair.b.name) for pair in found.pairs] == [("a", "b")]


def test_the_floor_of_a_pair_allows_for_the_noise_of_both() -> None:
    int8 = artifact("a", "int8"), artifact("b", "int8")
    # Each has 20 dB against PyTorch; independent errors add up, so they have 17 dB to each other.
    found = compared((int8[0], rows(0.09, 1)), (int8[1], rows(0.09, 2)))
    (pair,) = found.pairs
    assert pair.min_sqnr_db == pytest.approx(16.99, abs=0.01)
    assert 17 < pair.sqnr_db < 20 and pair.min_top1_agreement == pytest.approx(0.94)


def test_two_that_disagree_fail_and_neither_is_named() -> None:
    found = compared((artifact("a"), rows()), (artifact("b"), rows(0.1)))
    assert not found.passed and found.odd_one_out is None


def test_the_odd_one_of_four_is_named() -> None:
    cases = [(artifact(name), rows(1e-6, i)) for i, name in enumerate("abcd")]
    cases[2] = (cases[2][0], rows(0.1))
    found = compared(*cases)
    assert found.odd_one_out == Path("c")
    document = json.loads(documents.encode(found.document()))
    assert document["odd_one_out"] == "c" and document["passed"] is False
    assert document["artifact"] == "a" and document["against"] == ["b", "c", "d"]
    assert [p["passed"] for p in document["pairs"]] == [True, False, True, False, True, False]


def test_no_one_is_named_where_all_disagree() -> None:
    found = compared(*((artifact(name), rows(0.1, i)) for i, name in enumerate("abc")))
    assert not found.passed and found.odd_one_out is None


def test_untrained_models_have_no_agreement_to_miss() -> None:
    arts = [artifact(name, "int8", trained=False) for name in "ab"]
    (pair,) = compared((arts[0], rows()), (arts[1], rows())).pairs
    assert pair.min_top1_agreement is None
    assert not dataclasses.replace(pair, sqnr_db=10.0).passed


def test_every_map_of_a_pair_has_to_agree() -> None:
    arts = [artifact(name, task="features") for name in "ab"]
    maps = {f"stage{i}": rows() for i in range(1, 5)}
    spoilt = {**maps, "stage2": rows(0.1, 1)}
    found = pairwise.compare(arts, [maps, spoilt], runtimes=["here"] * 2, images="noise")
    (pair,) = found.pairs
    assert not found.passed and pair.top1_agreement is pair.min_top1_agreement is None
    assert {output.name: output.sqnr_db > 25 for output in pair.outputs} == {
        "stage1": True, "stage2": False, "stage3": True, "stage4": True,
    }  # fmt: skip
    document = json.loads(documents.encode(found.document()))
    assert document["top1_agreement"] is None
    assert document["sqnr_db"] == document["pairs"][0]["outputs"][1]["sqnr_db"]
    assert pairwise.compare(arts, [maps, maps], runtimes=[""] * 2, images="noise").passed


def test_artifacts_of_different_models_are_refused() -> None:
    with pytest.raises(UsageError, match="not artifacts of the same model: name m and other"):
        pairwise.require_one_model([artifact("a"), artifact("b", name="other")])
    with pytest.raises(UsageError, match=r"not artifacts of the same model: labels b+ and c+"):
        pairwise.require_one_model([artifact("a"), artifact("b", labels="c" * 64)])
    with pytest.raises(UsageError, match="same model: task classify and features"):
        pairwise.require_one_model([artifact("a"), artifact("b", task="features")])
    with pytest.raises(UsageError, match="given twice"):
        pairwise.require_one_model([artifact("a"), artifact("a")])
    pairwise.require_one_model([artifact("a"), artifact("b", "int8")])

"""lab.json: what is kept, what is replaced, and what is not about this artifact."""

from pathlib import Path

import pytest
from artifact_folders import SHA, folder, rewrite

from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.errors import ArtifactError
from slide_mobile.lab import results
from slide_mobile.lab.verdict import Arithmetic, LabResults, Outcome, Verdict


def verdict(lab: str, outcome: Outcome = "passed", arithmetic: Arithmetic = "fp32") -> Verdict:
    return Verdict(lab=lab, arithmetic=arithmetic, outcome=outcome, why="a reason")


def save(artifact: ArtifactFolder, *verdicts: Verdict) -> None:
    found = LabResults(manifest_sha256=artifact.manifest_sha256, verdicts=verdicts)
    results.save(artifact, found)


def kept(artifact: ArtifactFolder) -> list[tuple[str, str, str]] | None:
    found = results.read(artifact)
    return None if found is None else [(v.lab, v.arithmetic, v.outcome) for v in found.verdicts]


def test_an_artifact_that_no_lab_has_run_has_no_results(tmp_path: Path) -> None:
    assert results.read(folder(tmp_path)) is None


def test_results_of_other_labs_are_kept_and_those_of_the_same_are_replaced(tmp_path: Path) -> None:
    artifact = folder(tmp_path)
    save(artifact, verdict("gpu"), verdict("gpu", "failed", "fp16"), verdict("arm64-a76"))
    save(artifact, verdict("gpu", "refused"), verdict("runtimes-2.14", "failed"))
    assert kept(artifact) == [
        ("arm64-a76", "fp32", "passed"),
        ("gpu", "fp32", "refused"),
        ("runtimes-2.14", "fp32", "failed"),
    ]
    artifact.verify()


def test_results_of_the_artifact_that_was_there_before_are_not_of_this_one(tmp_path: Path) -> None:
    before = folder(tmp_path)
    save(before, verdict("gpu"), verdict("arm64-a76"))
    rewrite(tmp_path, created="2026-02-02T00:00:00+00:00")
    now = ArtifactFolder.open(tmp_path)
    assert now.manifest_sha256 != before.manifest_sha256
    assert results.read(now) is None
    save(now, verdict("gpu"))
    assert kept(now) == [("gpu", "fp32", "passed")]
    assert results.read(before) is None


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", f'{{"schema_version": 2, "manifest_sha256": "{SHA}", "verdicts": []}}'],
)
def test_a_damaged_file_is_one_line_that_says_what_to_do(text: str, tmp_path: Path) -> None:
    artifact = folder(tmp_path)
    (tmp_path / "lab.json").write_text(text)
    for call in (results.read, lambda artifact: save(artifact, verdict("gpu"))):
        with pytest.raises(ArtifactError, match=r"lab\.json is damaged: .*; delete it, and") as one:
            call(artifact)
        assert "\n" not in str(one.value) and one.value.exit_code == 2
    assert (tmp_path / "lab.json").read_text() == text


def test_a_key_that_is_not_known_is_damage(tmp_path: Path) -> None:
    artifact = folder(tmp_path)
    save(artifact, verdict("gpu"))
    text = (tmp_path / "lab.json").read_text()
    (tmp_path / "lab.json").write_text(text.replace('"why"', '"because"'))
    with pytest.raises(ArtifactError, match="because"):
        results.read(artifact)


def of(*verdicts: Verdict) -> LabResults:
    return LabResults(manifest_sha256=SHA, verdicts=verdicts)


def test_only_a_wrong_result_does_harm() -> None:
    assert of().passed
    assert of(verdict("a"), verdict("b", "refused")).passed
    assert not of(verdict("a"), verdict("b", "failed")).passed


def test_what_was_missed_in_some_labs_is_a_line_for_each_arithmetic() -> None:
    found = of(
        verdict("gpu"),
        verdict("gpu", "failed", "fp16"),
        verdict("arm64-a76", "refused"),
        verdict("runtimes-2.14"),
        verdict("runtimes-2.19", "failed"),
    )
    assert found.missed(["runtimes-2.14"]) == ()
    assert found.missed(["gpu", "arm64-a76", "runtimes-2.14", "arm64-a53"]) == (
        "gpu failed in fp16: a reason",
        "arm64-a76 refused in fp32: a reason",
    )

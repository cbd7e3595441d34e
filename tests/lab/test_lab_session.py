"""What a lab computed is judged: floors, repetition, refusals, and outputs that are not the file's.

The files are at 110 dB from PyTorch where they run here, and the fake lab adds an error to that.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from artifact_folders import rewrite
from fake_lab import FakeLab
from lab_artifacts import COUNT, HERE_DB, IMAGES, TRAINED, install, made

from slide_mobile.artifact import documents
from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.errors import GateFailed
from slide_mobile.lab import results, session, subject
from slide_mobile.lab.process import Arrays, WorkerFailed
from slide_mobile.lab.verdict import LabResults, Verdict
from slide_mobile.parity.metrics import EXACT_DB


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where to make an artifact, while its files can be run."""
    install(monkeypatch)
    return tmp_path / "a"


@pytest.fixture
def classifier(root: Path) -> ArtifactFolder:
    return made(root)


def verdict(artifact: ArtifactFolder, fake: FakeLab) -> Verdict:
    """The only one."""
    (found,) = session.run(artifact, [fake.lab()]).verdicts
    return found


def near(decibels: float) -> object:
    return pytest.approx(decibels, abs=1.0)


def test_a_file_that_passes_has_its_numbers_and_its_executor(classifier: ArtifactFolder) -> None:
    found = session.run(classifier, [FakeLab(floors={"min_host_db": 100.0}).lab("one")])
    assert found.manifest_sha256 == classifier.manifest_sha256 and found.passed
    (one,) = found.verdicts
    assert (one.lab, one.arithmetic, one.outcome) == ("one", "fp32", "passed")
    assert one.executor == "a test, release 1.2" and one.why == ""
    assert one.sqnr_db == near(HERE_DB) and one.min_sqnr_db == 90
    assert one.host_sqnr_db == near(120) and one.min_host_sqnr_db == 100
    assert one.images == session.IMAGES < COUNT and one.repeatable is True
    assert one.max_abs is not None and 0 < one.max_abs < 1e-3
    assert documents.decode(documents.encode(found), LabResults) == found


def test_the_lab_is_given_the_golden_images_and_the_first_one_again(
    classifier: ArtifactFolder,
) -> None:
    fake = FakeLab()
    (found,) = session.run(classifier, [fake.lab()], images=3).verdicts
    assert fake.inputs is not None and fake.inputs.dtype == np.float32 and found.images == 3
    np.testing.assert_array_equal(fake.inputs, IMAGES[[0, 1, 2, 0]])
    assert session.run(classifier, [fake.lab()], images=1000).verdicts[0].images == COUNT


def test_inputs_have_the_layout_and_the_type_of_the_file(root: Path) -> None:
    _, height, width, _ = IMAGES.shape
    planar = {"layout": "NCHW", "dtype": "uint8", "shape": [1, 3, height, width]}
    fake = FakeLab()
    assert verdict(made(root, input=planar), fake).outcome == "passed"
    assert fake.inputs is not None and fake.inputs.dtype == np.uint8
    assert fake.inputs.flags.c_contiguous
    np.testing.assert_array_equal(fake.inputs[:2], IMAGES[:2].transpose(0, 3, 1, 2))


def test_every_arithmetic_has_a_verdict(classifier: ArtifactFolder) -> None:
    found = session.run(classifier, [FakeLab(arithmetics=("fp32", "fp16")).lab()])
    assert [v.arithmetic for v in found.verdicts] == ["fp32", "fp16"]


def test_a_floor_that_is_missed_is_a_failure(classifier: ArtifactFolder) -> None:
    found = verdict(classifier, FakeLab(decibels=30.0))
    assert found.outcome == "failed" and found.sqnr_db == near(30)
    assert found.why == "SQNR 30.0 dB, the floor is 90.0 dB"


@pytest.mark.parametrize(("most", "outcome"), [(2.0, "failed"), (20.0, "passed")])
def test_a_file_may_lose_so_much_of_what_it_has_here(
    most: float, outcome: str, classifier: ArtifactFolder
) -> None:
    # At 100 dB it is 10 dB below the 110 dB of this machine, and above the other floor.
    found = verdict(classifier, FakeLab(decibels=100.0, floors={"max_loss_db": most}))
    assert found.outcome == outcome and found.min_sqnr_db == near(max(90, HERE_DB - most))


@pytest.mark.parametrize(("least", "outcome"), [(96.0, "failed"), (94.0, "passed")])
def test_the_distance_to_this_machine_s_runtime_has_a_floor_of_its_own(
    least: float, outcome: str, classifier: ArtifactFolder
) -> None:
    found = verdict(classifier, FakeLab(decibels=95.0, floors={"min_host_db": least}))
    assert found.outcome == outcome
    missed = "95.0 dB from this machine's runtime, the floor is 96 dB"
    assert found.why == (missed if outcome == "failed" else "")


def test_other_bits_the_second_time_are_a_failure(classifier: ArtifactFolder) -> None:
    found = verdict(classifier, FakeLab(repeats=False))
    assert found.outcome == "failed" and found.repeatable is False
    assert found.why == "the first image gave other outputs when it ran again"


def test_a_file_that_is_taken_in_part_is_refused_and_its_numbers_are_kept(
    classifier: ArtifactFolder,
) -> None:
    found = verdict(classifier, FakeLab(refused=("ADD of rank 5", "GATHER_ND")))
    assert found.outcome == "refused" and found.why == "ADD of rank 5; GATHER_ND"
    assert found.sqnr_db == near(HERE_DB)


def test_a_worker_that_fails_is_a_refusal_and_the_next_one_runs(classifier: ArtifactFolder) -> None:
    def fail(outputs: Arrays) -> Arrays:
        raise WorkerFailed("SIGSEGV: it printed nothing")

    labs = [FakeLab(changed=fail).lab("one"), FakeLab().lab("two")]
    one, two = session.run(classifier, labs).verdicts
    assert (one.outcome, one.why) == ("refused", "SIGSEGV: it printed nothing")
    assert one.sqnr_db is None and one.images == 0 and one.repeatable is None
    assert two.outcome == "passed"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda x: {}, "its outputs are none"),
        (lambda x: {"scores": x["logits"]}, "its outputs are scores"),
        (lambda x: {**x, "more": x["logits"]}, "its outputs are logits, more"),
        (lambda x: {"logits": x["logits"][:-1]}, "logits is float32 (4, 2), not (5, 2)"),
        (lambda x: {"logits": x["logits"][:, :1]}, "logits is float32 (5, 1), not (5, 2)"),
        (lambda x: {"logits": np.float32(1)}, "logits is float32 (), not (5, 2)"),
        (lambda x: {"logits": x["logits"].astype(int)}, "logits is int64 (5, 2), not (5, 2)"),
        (lambda x: {"logits": np.asarray(b"PK")}, "logits is |S2 (), not (5, 2)"),
    ],
)
def test_outputs_that_are_not_the_file_s_are_refused(
    change: Callable[[Arrays], Arrays], why: str, classifier: ArtifactFolder
) -> None:
    found = verdict(classifier, FakeLab(changed=change))
    assert (found.outcome, found.why) == ("refused", why)


def test_half_floats_are_outputs_too(classifier: ArtifactFolder) -> None:
    fake = FakeLab(
        changed=lambda x: {"logits": x["logits"].astype(np.float16)}, floors={"min_sqnr_db": 50.0}
    )
    found = verdict(classifier, fake)
    assert found.outcome == "passed" and found.sqnr_db is not None and 50 < found.sqnr_db < 90


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_misses_every_floor(value: float, classifier: ArtifactFolder) -> None:
    def spoil(outputs: Arrays) -> Arrays:
        logits = outputs["logits"].copy()
        logits[1, 1] = value
        return {"logits": logits}

    found = verdict(classifier, FakeLab(changed=spoil, floors={"min_sqnr_db": -100.0}))
    assert found.outcome == "failed" and found.sqnr_db == found.host_sqnr_db == -EXACT_DB


@pytest.mark.parametrize(("model", "outcome"), [(TRAINED, "failed"), ({}, "passed")])
def test_another_class_fails_a_trained_model_only(
    model: dict[str, object], outcome: str, root: Path
) -> None:
    artifact = made(root)
    rewrite(root, model=model)
    fake = FakeLab(changed=lambda x: {"logits": -x["logits"]}, floors={"min_sqnr_db": -50.0})
    found = verdict(ArtifactFolder.open(artifact.root), fake)
    assert found.outcome == outcome and found.top1_agreement == 0
    assert found.why == ("another top-1 class in 100% of 4 images" if model else "")


def test_maps_are_compared_in_every_output(root: Path) -> None:
    artifact = made(root, "features")
    found = verdict(artifact, FakeLab())
    assert found.outcome == "passed" and found.top1_agreement is None
    assert found.sqnr_db == near(HERE_DB) and found.host_sqnr_db == near(120)

    def spoil(outputs: Arrays) -> Arrays:
        return {name: x * (1.01 if name == "stage3" else 1) for name, x in outputs.items()}

    found = verdict(artifact, FakeLab(changed=spoil))
    assert found.outcome == "failed"
    assert found.sqnr_db == near(40) and found.host_sqnr_db == near(40)  # of the worst map


def test_maps_are_read_in_the_layout_of_the_file(root: Path) -> None:
    artifact = made(root, "features")
    outputs = [
        {"name": f"stage{i}", "shape": [1, 16, 2, 3], "dtype": "float32", "layout": "NCHW"}
        for i in range(1, 5)
    ]
    rewrite(root, outputs=outputs)
    artifact = ArtifactFolder.open(root)
    planar = FakeLab(changed=lambda x: {n: m.transpose(0, 3, 1, 2) for n, m in x.items()})
    assert verdict(artifact, planar).outcome == "passed"
    found = verdict(artifact, FakeLab())
    assert found.outcome == "refused"
    assert found.why == "stage1 is float32 (5, 2, 3, 16), not (5, 16, 2, 3)"


def test_a_lab_for_other_targets_is_left_out_and_nothing_runs(
    classifier: ArtifactFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "load", None)
    found = session.run(classifier, [FakeLab().lab(targets=("onnx",))])
    assert found.verdicts == () and found.passed


def test_an_artifact_that_was_changed_is_not_run(classifier: ArtifactFolder) -> None:
    fake = FakeLab()
    (classifier.root / "labels.txt").write_text("other\n")
    with pytest.raises(GateFailed, match="does not match the manifest"):
        session.run(classifier, [fake.lab()])
    assert fake.inputs is None


def test_progress_names_the_lab_and_the_arithmetic(classifier: ArtifactFolder) -> None:
    said: list[str] = []
    session.run(classifier, [FakeLab().lab()], progress=lambda stage, done=None: said.append(stage))
    assert said == ["run the model file", "run on fake in fp32"]


def test_what_is_required_and_passes_is_kept_beside_the_manifest(
    classifier: ArtifactFolder, tmp_path: Path
) -> None:
    report = tmp_path / "a.lab.json"
    session.require(classifier, [FakeLab().lab()], report)
    kept = results.read(classifier)
    assert kept is not None and [v.outcome for v in kept.verdicts] == ["passed"]
    assert not report.exists()


@pytest.mark.parametrize(
    ("fake", "reason"),
    [
        (FakeLab(decibels=30.0), r"^bad failed in fp32: SQNR 30\.0 dB, the floor is 90\.0 dB"),
        (FakeLab(refused=("ADD",)), "^bad refused in fp32: ADD"),
    ],
)
def test_what_is_required_and_fails_is_a_report_and_no_result(
    fake: FakeLab, reason: str, classifier: ArtifactFolder, tmp_path: Path
) -> None:
    report = tmp_path / "a.lab.json"
    with pytest.raises(GateFailed, match=rf"{reason}; report: .*a\.lab\.json$"):
        session.require(classifier, [FakeLab().lab("good"), fake.lab("bad")], report)
    assert results.read(classifier) is None
    found = documents.decode(report.read_bytes(), LabResults)
    assert [v.outcome == "passed" for v in found.verdicts] == [True, False]

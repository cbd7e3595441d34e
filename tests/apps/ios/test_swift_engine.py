"""The app's engine runs a real .pte on Linux, through the app's own ExecuTorchBackend.swift."""

import json
import math
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from embedded import edit, relist, write_index
from jsonschema import Draft202012Validator
from proof import show
from swift_build import CHECKOUT, HERE, succeeded
from swift_root import CLANG, WORK, SwiftRoot

from slide_mobile.artifact import golden as golden_files
from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.bench import documents, statistics
from slide_mobile.parity.metrics import sqnr_db
from slide_mobile.targets import registry

Measure = Callable[..., Any]


@pytest.fixture(scope="module")
def demo(demo_artifacts: Callable[[str, str], Path]) -> Path:
    return demo_artifacts("executorch", "int8")


@pytest.fixture(scope="module")
def document(
    measure: Measure, demo: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """Measure the demo model against itself, interleaved and verified."""
    folder = tmp_path_factory.mktemp("embedded")
    shutil.copytree(demo, folder / demo.name)
    write_index(folder)
    asked = f"artifact={demo.name}&artifact={demo.name}&ab=1&seconds=1&threads=1&verify=1"
    done = measure(folder, asked)
    assert done.code == 0, done.said
    return done.document  # type: ignore[no-any-return]


def test_the_document_is_the_schemas(document: dict[str, Any]) -> None:
    schema = json.loads((CHECKOUT / "slide_mobile/bench/bench.schema.json").read_text())
    errors = list(Draft202012Validator(schema).iter_errors(document))
    assert not errors, errors[0].message
    assert document["source"] == "ios"
    words = json.loads((CHECKOUT / "apps/conformance/words.json").read_text())["accelerators"]
    (told,) = (w["accelerator_used"] for w in words if w["target"] == "executorch")
    assert [r["accelerator_used"] for r in document["results"]] == [told] * 2
    runtime = f"ExecuTorch {document['environment']['runtimes']['executorch']}"
    assert {r["runtime"] for r in document["results"]} == {runtime}
    assert [r["threads"] for r in document["results"]] == [1, 1]


def test_bench_imports_it(document: dict[str, Any], cache: Path) -> None:
    """The reader of `slide-mobile bench --import` takes what the app shares, unchanged."""
    path = cache / "shared-by-ios.json"
    path.write_text(json.dumps(document, indent=1) + "\n")
    assert json.loads(msgspec.json.encode(documents.read(path))) == document
    result = document["results"][0]
    worst = min(verdict["sqnr_db"] for verdict in result["verify"])
    show(
        f"Swift engine, {result['runtime']}: {result['artifact']}, p50 {result['p50_ms']:.2f} ms, "
        f"worst golden image {worst:.1f} dB"
    )


def test_statistics_are_pythons(document: dict[str, Any]) -> None:
    for result in document["results"]:
        summary = statistics.summary(result["samples_ms"])
        for name, value in vars(summary).items():
            expected = None if value is None else pytest.approx(value, rel=1e-9)
            assert result[name] == expected
        assert result["why_invalid"] == statistics.why_invalid(result["samples_ms"])


def test_verify_agrees_with_python(document: dict[str, Any], demo: Path) -> None:
    artifact = ArtifactFolder.open(demo)
    runner = registry.load("executorch").runner(artifact.model_path, threads=1)
    for result in document["results"]:
        assert len(result["verify"]) == len(artifact.manifest.golden)
        for verdict, golden in zip(result["verify"], artifact.manifest.golden, strict=True):
            image = golden_files.image(artifact, golden)
            expected = sqnr_db(np.asarray(golden.logits), runner(image))
            assert verdict["passed"] and verdict["file"] == golden.file
            # The same library and the same bytes: 0.00 dB apart.
            assert verdict["sqnr_db"] == pytest.approx(expected, abs=0.01)


def test_no_large_buffer_is_allocated_by_a_run(
    measure: Measure,
    executorch_module: SwiftRoot,
    demo: Path,
    artifacts_folder: Callable[..., Path],
) -> None:
    """300 runs make as many allocations of the input's size as 30: none belongs to a run."""
    succeeded(executorch_module.run([
        CLANG.removesuffix("++"), "-O1", "-fPIC", "-shared", f"{HERE}/engine/large.c",
        "-o", "lib/liblarge.so",
    ]))  # fmt: skip
    folder = artifacts_folder(demo)
    shape = ArtifactFolder.open(demo).manifest.input.shape
    watched = {"LD_PRELOAD": f"{WORK}/lib/liblarge.so", "LARGE_BYTES": str(4 * math.prod(shape))}
    counts = []
    for runs in (30, 300):
        done = measure(folder, f"artifact={demo.name}&runs={runs}&seconds=0&threads=1", **watched)
        assert done.document["results"][0]["runs"] == runs
        found = re.search(r"large allocations: (\d+)", done.said)
        assert found is not None, done.said
        counts.append(int(found[1]))
    assert counts[0] > 0  # the input buffer itself: the counter counts
    assert counts[0] == counts[1]


def test_a_manifest_edited_after_embedding_is_not_usable(
    measure: Measure, demo: Path, artifacts_folder: Callable[..., Path]
) -> None:
    folder = artifacts_folder(demo)
    edit(folder / demo.name, lambda plain: change_logit(plain, 0, 0.5))
    done = measure(folder, f"artifact={demo.name}&runs=1&seconds=0&verify=1")
    assert done.code == 1
    assert "not usable: its manifest is not the one that was embedded" in done.said


def test_one_changed_golden_logit_fails_even_where_the_index_knows(
    measure: Measure, demo: Path, artifacts_folder: Callable[..., Path]
) -> None:
    folder = artifacts_folder(demo)
    edit(folder / demo.name, lambda plain: change_logit(plain, 2, 20))
    write_index(folder)
    done = measure(folder, f"artifact={demo.name}&runs=30&seconds=0&verify=1")
    passed = [verdict["passed"] for verdict in done.document["results"][0]["verify"]]
    assert passed == [position != 2 for position in range(len(passed))]


def test_one_changed_weight_byte_is_not_usable(
    measure: Measure, demo: Path, artifacts_folder: Callable[..., Path]
) -> None:
    folder = artifacts_folder(demo)
    model = folder / demo.name / "model.pte"
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.write_bytes(content)
    done = measure(folder, f"artifact={demo.name}&runs=1&seconds=0&verify=1")
    assert done.code == 1
    assert "not usable: model.pte was changed after it was certified" in done.said


def test_changed_weights_fail_even_where_manifest_and_index_know(
    measure: Measure, demo: Path, artifacts_folder: Callable[..., Path]
) -> None:
    folder = artifacts_folder(demo)
    model = folder / demo.name / "model.pte"
    content = np.frombuffer(model.read_bytes(), np.uint8).copy()
    middle = len(content) // 2
    content[middle : middle + 4096] ^= 0x55
    model.write_bytes(content.tobytes())
    relist(folder / demo.name, model.name)
    write_index(folder)
    done = measure(folder, f"artifact={demo.name}&runs=30&seconds=0&verify=1")
    verdicts = done.document["results"][0]["verify"] if done.code == 0 else []
    assert done.code == 1 or not all(verdict["passed"] for verdict in verdicts)


def test_what_is_brought_is_promoted_only_if_this_machine_computes_it(
    measure: Measure, executorch_module: SwiftRoot, demo: Path, tmp_path: Path
) -> None:
    """Real artifacts: a good one, one with a changed byte, one that computes something else."""
    for name in (demo.name, "changed", "wrong"):
        shutil.copytree(demo, tmp_path / name)
    (tmp_path / "changed/labels.txt").write_text("changed\n")
    edit(tmp_path / "wrong", lambda plain: change_logit(plain, 2, 20))
    command = ["./engine", "/artifacts", "store", f"{WORK}/store"]
    said = succeeded(executorch_module.seeing(artifacts=tmp_path).run(command)).splitlines()
    assert said[0].startswith("changed: labels.txt was changed after it was certified")
    assert said[1].startswith("wrong: wrong is not promoted: 1 of")
    assert said[2] == f"promoted: {demo.name}"


def test_a_foreign_artifact_breaks_nothing_else(
    measure: Measure, demo: Path, artifacts_folder: Callable[..., Path], tmp_path: Path
) -> None:
    folder = artifacts_folder(demo)
    shutil.copytree(demo, folder / "foreign")
    edit(folder / "foreign", lambda plain: plain.update(target="tflite"))
    shutil.copytree(demo, folder / "other-delegate")
    edit(folder / "other-delegate", lambda plain: plain.update(backend="vulkan"))
    write_index(folder)
    (folder / "foreign/labels.txt").write_text("changed\n")
    done = measure(folder, "runs=30&seconds=0")
    assert done.code == 0, done.said
    assert [result["artifact"] for result in done.document["results"]] == [demo.name]
    assert "foreign: not usable: labels.txt was changed" in done.said
    assert "other-delegate: not usable: this app has no vulkan delegate" in done.said


def test_one_that_cannot_be_loaded_is_told_beside_the_others(
    measure: Measure, demo: Path, artifacts_folder: Callable[..., Path]
) -> None:
    folder = artifacts_folder(demo)
    shutil.copytree(demo, folder / "broken")
    model = folder / "broken/model.pte"
    model.write_bytes(b"no program")
    relist(folder / "broken", model.name)
    write_index(folder)
    done = measure(folder, "runs=30&seconds=0")
    assert done.code == 0, done.said
    assert [result["artifact"] for result in done.document["results"]] == [demo.name]
    assert [failure["artifact"] for failure in done.document["failed"]] == ["broken"]
    schema = json.loads((CHECKOUT / "slide_mobile/bench/bench.schema.json").read_text())
    Draft202012Validator(schema).validate(done.document)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("acelerator=cpu", "acelerator is not known"),
        ("artifact=gone", "gone is not embedded"),
        ("accelerator=ane", "has no accelerator ane, only cpu"),
    ],
)
def test_what_cannot_be_done_is_said(
    measure: Measure, demo: Path, artifacts_folder: Callable[..., Path], query: str, says: str
) -> None:
    done = measure(artifacts_folder(demo), query)
    assert done.code == 1
    assert says in done.said


def change_logit(plain: dict[str, Any], image: int, by: float) -> None:
    plain["golden"][image]["logits"][0] += by

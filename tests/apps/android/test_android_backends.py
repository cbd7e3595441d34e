"""The app's LiteRT and ExecuTorch backends, unmodified, run real artifacts on the JVM.

What stands between them and the runtimes are stand-ins of the same names (shims/); the kernels are
those of the wheels, on this machine's processor.
"""

import json
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from debian_packages import NotToBeHad
from embedded import edit, embed, write_index
from jsonschema import Draft202012Validator
from jvm import CompilationFailed, Jvm
from kotlin_app import APP, BACKENDS, CONFORMANCE, REPOSITORY, Harness
from npm_package import npm
from proof import missing

from slide_mobile.artifact import golden as golden_files
from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.artifact.manifest import Golden
from slide_mobile.bench import documents, joining
from slide_mobile.parity.metrics import sqnr_db
from slide_mobile.targets import registry
from slide_mobile.targets.converter import Runner

EXECUTORCH_CLASSES = "react-native-executorch@0.9.0"

# The same file by the same kernels, called from Kotlin and from Python: measured equal to the last
# bit (200 dB) for all four. The floor leaves room for another number of threads.
SAME_KERNELS_DB = 100.0


@pytest.fixture(scope="module")
def verified(harness: Harness, embedded: Path) -> dict[str, Any]:
    """Verify each artifact; the results by folder."""
    return {entry["folder"]: entry for entry in harness.run("verify", embedded)}


def test_verify_passes_every_artifact(verified: dict[str, Any]) -> None:
    assert len(verified) == 4
    words = json.loads((CONFORMANCE / "words.json").read_text())["accelerators"]
    told = {word["target"]: word["accelerator_used"] for word in words}
    for folder, entry in verified.items():
        assert "why" not in entry, entry
        (target,) = (target for target in told if f"-{target}-" in folder)
        assert entry["accelerator_used"] == told[target], folder
        assert entry["images"] and all(image["passed"] for image in entry["images"]), folder


def test_the_logits_are_python_s(
    verified: dict[str, Any], embedded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lowest: dict[str, float] = {}
    for folder, entry in verified.items():
        artifact = ArtifactFolder.open(embedded / folder)
        runner = registry.load(artifact.manifest.target).runner(artifact.model_path)
        for golden, logits in zip(artifact.manifest.golden, entry["logits"], strict=True):
            expected = _logits(runner, artifact, golden)
            db = sqnr_db(expected, np.array(logits))
            lowest[folder] = min(db, lowest.get(folder, db))
    with capsys.disabled():
        print("\nKotlin beside Python, dB:", lowest)
    assert min(lowest.values()) >= SAME_KERNELS_DB


def test_three_lines_predict_the_likeliest_class(
    harness: Harness, verified: dict[str, Any], embedded: Path
) -> None:
    predicted = harness.run("predict", embedded)
    assert predicted.keys() == verified.keys()
    for folder, label in predicted.items():
        labels = (embedded / folder / "labels.txt").read_text().splitlines()
        assert label == labels[int(np.argmax(verified[folder]["logits"][0]))], folder


def test_the_decibels_are_python_s(verified: dict[str, Any], embedded: Path) -> None:
    for folder, entry in verified.items():
        manifest = ArtifactFolder.open(embedded / folder).manifest
        for golden, image, logits in zip(
            manifest.golden, entry["images"], entry["logits"], strict=True
        ):
            expected = sqnr_db(np.array(golden.logits), np.array(logits))
            assert image["file"] == golden.file
            assert image["sqnr_db"] == pytest.approx(expected, abs=1e-9), folder
            assert image["passed"] == (expected >= manifest.parity.min_sqnr_db), folder


@pytest.mark.parametrize("target", ["tflite", "executorch"])
def test_one_changed_golden_logit_fails_verify(
    harness: Harness, demo_artifacts: Callable[[str, str], Path], tmp_path: Path, target: str
) -> None:
    """The edited manifest is embedded, so that only the comparison can find the logit."""
    folder = _copy(demo_artifacts(target, "int8"), tmp_path)
    edit(folder, _negate_a_logit)
    embed(root := _folder(tmp_path, "app"), folder)
    (entry,) = harness.run("verify", root)
    assert [image["passed"] for image in entry["images"]] == [n != 2 for n in range(8)]


def test_a_manifest_edited_after_embedding_is_not_usable(
    harness: Harness, small_artifacts: Callable[[str, str], Path], tmp_path: Path
) -> None:
    embed(root := _folder(tmp_path, "app"), small_artifacts("tflite", "fp32"))
    edit(next(root.glob("*/manifest.json")).parent, _negate_a_logit)
    (entry,) = harness.run("verify", root)
    assert entry["why"].startswith("its manifest is not the one that was embedded")


@pytest.mark.parametrize("target", ["tflite", "executorch"])
def test_one_changed_weight_byte_is_not_usable(
    harness: Harness,
    demo_artifacts: Callable[[str, str], Path],
    small_artifacts: Callable[[str, str], Path],
    tmp_path: Path,
    target: str,
) -> None:
    """The artifact beside it stays usable."""
    good = small_artifacts("tflite", "fp32")
    embed(root := _folder(tmp_path, "app"), good, demo_artifacts(target, "int8"))
    (bad,) = (path for path in root.glob("*-int8/model.*"))
    data = bytearray(bad.read_bytes())
    data[len(data) // 2] ^= 0x40
    bad.write_bytes(data)
    entries = {entry["folder"]: entry for entry in harness.run("verify", root)}
    assert entries[bad.parent.name]["why"].startswith(f"{bad.name} was changed after")
    assert all(image["passed"] for image in entries[good.name]["images"])


def test_no_run_allocates_what_is_as_large_as_the_input(
    harness: Harness, embedded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Counted on the JVM's heap; measured: 1.7 KB at most."""
    counted = harness.run("allocations", embedded)
    assert len(counted) == 4
    with capsys.disabled():
        print("\n" + "\n".join(f"{c['folder']}: {c['bytes_per_run']:.0f} B a run" for c in counted))
    for one in counted:
        assert 0 < one["bytes_per_run"] < one["input_bytes"] / 10, one


def test_what_it_shares_is_what_bench_imports(
    harness: Harness, embedded: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = harness.run("measure", embedded)
    path = cache / "shared-by-android.json"
    path.write_text(json.dumps(document, indent=1) + "\n")
    assert json.loads(msgspec.json.encode(documents.read(path))) == document
    schema = json.loads((REPOSITORY / "slide_mobile/bench/bench.schema.json").read_text())
    Draft202012Validator(schema).validate(document)
    assert document["source"] == "android"
    runtimes = document["environment"]["runtimes"]
    assert runtimes.keys() == {"litert", "executorch"}
    told = {f"LiteRT {runtimes['litert']}", f"ExecuTorch {runtimes['executorch']}"}
    assert {result["runtime"] for result in document["results"]} == told
    assert len(document["results"]) == len(document["ratios"]) == 4
    for result in document["results"]:
        assert result["runs"] == len(result["samples_ms"]) >= 30
        assert 0 < result["p50_ms"] <= result["p90_ms"] and result["p99_ms"] is None
        assert all(image["passed"] for image in result["verify"])
        artifact = ArtifactFolder.open(embedded / result["artifact"])
        assert result["manifest_sha256"] == artifact.manifest_sha256
    with capsys.disabled():
        print(f"\nshared JSON: {len(json.dumps(document)) / 1024:.0f} KiB, 4 results, valid schema")


def test_processes_of_an_a_b_become_one_document_with_its_ratios(
    harness: Harness, embedded: Path
) -> None:
    """What a script does with a phone: a start a session, and one import of all documents."""
    shared = [
        msgspec.convert(harness.run("session", embedded, str(number)), documents.BenchDocument)
        for number in (1, 2)
    ]
    (document,) = joining.joined(shared)
    assert document.session is msgspec.UNSET and document.schema_version == 3
    assert len(document.results) == 4 and len(document.comparisons) == 6
    for place, result in enumerate(document.results):
        assert result.runs == sum(one.results[place].runs for one in shared)
    for pair in document.comparisons:
        assert len(pair.clock.processes) == 2 and not pair.valid
        assert pair.why_invalid[0] == "2 processes are fewer than 10"


def test_what_cannot_be_done_as_asked_is_an_error(harness: Harness, embedded: Path) -> None:
    """An NPU or GPU that is not there must not become the CPU under its name."""
    said = harness.run("refusals", embedded)
    assert said["npu"] and "LiteRtCreateCompiledModel failed" in said["npu"]
    assert said["gpu"] and "LiteRtCreateCompiledModel failed" in said["gpu"]
    assert said["other_threads"].startswith("another model computes on 1 threads")
    assert said["same_threads"] is None and said["other_threads_alone"] is None


def test_a_file_that_needs_a_newer_runtime_is_not_usable(
    harness: Harness,
    demo_artifacts: Callable[[str, str], Path],
    tmp_path: Path,
) -> None:
    root = _folder(tmp_path, "app")
    for target in ("tflite", "executorch"):
        folder = _copy(demo_artifacts(target, "int8"), tmp_path)
        edit(folder, lambda plain: plain["graph"].update(min_runtime="99.1"))
        shutil.copytree(folder, root / folder.name)
    write_index(root)
    why = {entry["folder"]: entry["why"] for entry in harness.run("verify", root)}
    assert len(why) == 2
    assert all("99.1 or newer, this app has" in text for text in why.values()), why


def test_what_is_brought_is_promoted_only_if_this_machine_computes_it(
    harness: Harness, demo_artifacts: Callable[[str, str], Path], tmp_path: Path
) -> None:
    """Real artifacts: good ones, one with a changed byte, one that computes something else."""
    inbox = _folder(tmp_path, "inbox")
    for target in ("tflite", "executorch"):
        _copy(demo_artifacts(target, "int8"), inbox)
    changed = _copy(demo_artifacts("tflite", "int8"), tmp_path).rename(inbox / "changed")
    data = bytearray((changed / "model.tflite").read_bytes())
    data[len(data) // 2] ^= 0x40
    (changed / "model.tflite").write_bytes(data)
    wrong = _copy(demo_artifacts("tflite", "int8"), tmp_path).rename(inbox / "wrong")
    edit(wrong, _negate_a_logit)
    found = harness.run("store", inbox, tmp_path / "store")
    names = {demo_artifacts(target, "int8").name for target in ("tflite", "executorch")}
    assert set(found["promoted"]) == names
    assert found["outcomes"] == dict.fromkeys(names) | {
        "changed": found["outcomes"]["changed"], "wrong": found["outcomes"]["wrong"],
    }  # fmt: skip
    assert "model.tflite was changed after it was certified" in found["outcomes"]["changed"]
    assert "golden images are under the floor" in found["outcomes"]["wrong"]


def test_the_app_says_which_runtimes_it_has() -> None:
    """What `embed` compares: runtimes.json, beside the catalog and the backend."""
    said = json.loads((APP / "runtimes.json").read_text())
    catalog = tomllib.loads((APP / "gradle/libs.versions.toml").read_text())["versions"]
    backend = (BACKENDS / "LiteRtBackend.kt").read_text()
    assert said["executorch"] == catalog["executorch"]
    assert f'KERNELS = "{said["tflite"]}"' in backend
    assert f"of LiteRT {catalog['litert']};" in backend


def test_the_executorch_backend_fits_the_official_classes(
    jvm: Jvm, core: Path, cache: Path, tmp_path: Path
) -> None:
    """The classes of executorch-android, which an npm package contains."""
    try:
        classes = npm(cache, EXECUTORCH_CLASSES) / "android/libs/classes.jar"
    except NotToBeHad as error:
        missing(f"ExecuTorch's official classes: {error}")
    source = BACKENDS / "ExecuTorchBackend.kt"
    jvm.compile([source], tmp_path / "out", classpath=[core, classes])
    misspelt = tmp_path / "Misspelt.kt"
    misspelt.write_text(source.read_text().replace("Module.load(", "Module.open("))
    with pytest.raises(CompilationFailed, match="open"):
        jvm.compile([misspelt], tmp_path / "wrong", classpath=[core, classes])


def _logits(runner: Runner, artifact: ArtifactFolder, golden: Golden) -> Any:
    image = golden_files.image(artifact, golden)
    return np.asarray(runner.call(image)["logits"]).reshape(-1)


def _copy(folder: Path, to: Path) -> Path:
    return Path(shutil.copytree(folder, to / folder.name))


def _folder(parent: Path, name: str) -> Path:
    (parent / name).mkdir()
    return parent / name


def _negate_a_logit(plain: dict[str, Any]) -> None:
    """Change the sign of the largest logit of the third golden image."""
    logits = plain["golden"][2]["logits"]
    logits[logits.index(max(logits))] *= -1

"""The plan: cells with what they are made from, and the budget they share."""

import dataclasses
import os
import shutil
from pathlib import Path

import pytest
from fake_lab import FakeLab, install
from files import HEAD, ONNX, PHONE, ROOT, TFLITE, written

from slide_mobile.doctor import diagnosis
from slide_mobile.errors import UsageError
from slide_mobile.release import plan
from slide_mobile.release.commands import arguments


def test_the_example_of_the_docs_is_a_plan(tmp_path: Path) -> None:
    text = (ROOT / "docs/release.md").read_text().split("```toml\n")[1].split("```")[0]
    for name in ("slide_swin_t.pth", "imagenet.txt"):
        (tmp_path / name).write_bytes(b"x")
    for name in ("photos", "validation"):
        (tmp_path / name).mkdir()
    shutil.copyfile(PHONE, tmp_path / "bench.json")
    found = plan.read(written(tmp_path, text))
    names = [cell.name for cell in found.cells]
    assert names == [
        f"{model}-{kind}"
        for model in ("slide_swin_demo", "slide_swin_tiny")
        for kind in ("tflite-fp32", "tflite-int8", "executorch-int8", "coreml-fp16")
    ]
    tiny = found.cells[5]
    photos, validation = tmp_path / "photos", tmp_path / "validation"
    assert (tiny.to.target, tiny.to.precision) == ("tflite", "int8")
    assert tiny.source.checkpoint == tmp_path / "slide_swin_t.pth"
    assert tiny.calibration.folder == photos and tiny.images == validation
    convert, check = (arguments(tiny, step, found.out) for step in ("convert", "check"))
    assert convert[:6] == ["convert", "slide_swin_tiny", "--to", "tflite", "--precision", "int8"]
    assert value(convert, "--calibration") == str(photos) and "--images" not in convert
    assert value(check, "--images") == str(validation)
    assert found.memory_bytes == 12e9 and found.formats == ("html", "markdown")
    # The largest measured peaks are 1.0 and 2.65 GB (benchmarks/results/targets.json).
    assert found.cells[0].memory_bytes > 1.0e9 and tiny.memory_bytes > 2.65e9


def value(words: list[str], option: str) -> str:
    return words[words.index(option) + 1]


def test_a_changed_input_is_another_cell(tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_bytes(b"1")
    text = f'[[model]]\nname = "slide_swin_test"\ncheckpoint = "w.pth"\n{TFLITE}'
    first = plan.read(written(tmp_path, text)).cells[0].fingerprint
    assert plan.read(written(tmp_path, text)).cells[0].fingerprint == first
    assert plan.read(written(tmp_path, text + ONNX)).cells[0].fingerprint == first
    (tmp_path / "w.pth").write_bytes(b"2")
    assert plan.read(written(tmp_path, text)).cells[0].fingerprint != first


def test_the_same_inputs_elsewhere_and_at_another_time_are_the_same_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f'[[model]]\nname = "slide_swin_test"\nimages = "photos"\n{TFLITE}'
    found = []
    for name, time_ns in (("a", 10**18), ("b", 2 * 10**18)):
        (tmp_path / name / "photos").mkdir(parents=True)
        (tmp_path / name / "photos/0.png").write_bytes(b"1")
        os.utime(tmp_path / name / "photos/0.png", ns=(time_ns, time_ns))
        found.append(plan.read(written(tmp_path / name, text)).cells[0].fingerprint)
    monkeypatch.chdir(tmp_path / "b")
    found.append(plan.read(Path("release.toml")).cells[0].fingerprint)
    assert len(set(found)) == 1
    (tmp_path / "b/photos/0.png").write_bytes(b"2")
    found.append(plan.read(Path("release.toml")).cells[0].fingerprint)
    real = diagnosis.versions
    monkeypatch.setattr(diagnosis, "versions", lambda target: real(target) | {"torch": "9.9"})
    found.append(plan.read(Path("release.toml")).cells[0].fingerprint)
    assert len(set(found)) == 3


def test_a_cell_has_the_labs_that_run_files_of_its_precision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    any_file = FakeLab().lab("any")
    half = dataclasses.replace(FakeLab().lab("h"), weights="float16")
    install(monkeypatch, any_file, half)
    target = '[[target]]\nto = "tflite"\nprecisions = ["fp32", "fp16"]\nlabs = ["h", "any"]\n'
    cells = plan.read(written(tmp_path, HEAD + target)).cells
    assert [cell.labs for cell in cells] == [("any",), ("h", "any")]
    for name, why in (("hh", "no lab is named 'hh'"), ("any", "runs files for tflite, fake, not")):
        wrong = f'[[target]]\nto = "onnx"\nprecisions = ["fp32"]\nlabs = ["{name}"]\n'
        with pytest.raises(UsageError, match=why):
            plan.read(written(tmp_path, HEAD + wrong))


@pytest.mark.parametrize(("free", "budget"), [(0, 0.0), (None, 6e9), (4 * 10**9, 3e9)])
def test_the_budget_is_a_share_of_what_is_free(
    free: int | None, budget: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "free_memory", lambda: free)
    assert plan.read(written(tmp_path, HEAD + TFLITE)).memory_bytes == pytest.approx(budget)

"""Accuracy against time: what is kept, what is missing, ratios, and the picture."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import msgspec
import pytest

from benchmarks import curve
from benchmarks.lib import curve_picture, file_cost
from benchmarks.lib.file_cost import FileEstimate, OperationEstimate, Processor
from benchmarks.lib.results.curve import (
    MACHINE,
    PAIRS,
    PAPER_MS,
    TWINS,
    CoreCycles,
    Curve,
    Point,
    ratio,
    table,
)
from benchmarks.lib.results.document import save
from benchmarks.lib.results.files import Candidate, GraphForm
from slide_mobile import models
from tests.benchmarks.benchmark_rows import ENVIRONMENT


def point(model: str, form: GraphForm, ms: float | None, **cycles: int) -> Point:
    file = Candidate(model=model, form=form, target="tflite", precision="fp32", size=(224, 224))
    estimates = tuple(CoreCycles(core=core, cycles=each) for core, each in cycles.items())
    return curve.point(file, ms=ms, estimates=estimates)


EMPTY = Curve(
    environment=ENVIRONMENT, executed_by="QEMU", simulated_by=("llvm",), cores=("a76",), points=()
)
POINTS = (
    point("slide_swin_small", "deploy", 100.0, a76=1_000_000_000),
    point("swin_base", "published", 250.0),
    point("swin_base", "deploy", 210.0, a76=2_500_000_000),
)
RESULT = curve.merged(EMPTY, POINTS)


@pytest.mark.parametrize("name", PAPER_MS)
def test_every_model_of_the_curve_has_an_accuracy_that_is_printed(name: str) -> None:
    assert models.spec(name).paper.top1 is not None


@pytest.mark.parametrize(("other", "ours"), PAIRS)
def test_the_paper_sets_equal_accuracies_side_by_side(other: str, ours: str) -> None:
    tops = [models.spec(name).paper.top1 or 0.0 for name in (other, ours)]
    assert tops[1] - tops[0] >= -0.05
    assert 1.6 < PAPER_MS[other] / PAPER_MS[ours] < 4.0


def test_twins_are_of_one_size() -> None:
    assert all(a.rpartition("_")[2] == b.rpartition("_")[2] for a, b in TWINS)


def test_points_are_in_the_order_of_the_curve_and_the_missing_are_named() -> None:
    assert [each.model for each in RESULT.points] == ["swin_base", "swin_base", "slide_swin_small"]
    assert "swin_base-deploy-tflite-fp32-224x224" not in RESULT.missing
    assert "swin_base-published-tflite-fp32-224x224" in RESULT.missing  # timed, not estimated
    assert "slide_pvt_medium-deploy-tflite-int8-224x224" in RESULT.missing
    assert "swin_base-floor-tflite-fp32-224x224" not in RESULT.missing


def test_a_new_point_replaces_an_old_one() -> None:
    result = curve.merged(RESULT, [point("swin_base", "deploy", 200.0)])
    assert len(result.points) == 3
    assert [each.ms for each in result.points if each.model == "swin_base"] == [250.0, 200.0]


def test_a_ratio_is_of_the_published_graph_and_in_brackets_of_our_form() -> None:
    assert ratio(RESULT, "swin_base", "slide_swin_small", MACHINE, "fp32") == "2.50 (2.10)"
    assert ratio(RESULT, "swin_base", "slide_swin_small", "a76", "fp32") == "(2.50)"
    assert ratio(RESULT, "swin_base", "slide_swin_small", "a76", "int8") == ""
    assert ratio(RESULT, "swin_base", "slide_swin_tiny", MACHINE, "fp32") == ""


def test_the_table_says_what_is_missing_and_calls_cycles_estimated() -> None:
    text = table(RESULT)
    assert f"Not complete yet: {len(RESULT.missing)} of {len(RESULT.wanted)} files" in text
    assert "a76, estimated" in text
    assert "| swin_base | deploy | `fp32` | 83.5 | 530 ms | 210.0 ms | 2500 M |" in text
    assert "| swin_base / slide_swin_small | 1.68 | 2.50 (2.10) |  | (2.50) |  |" in text
    assert "pvt_large /" not in text


def test_a_complete_curve_lacks_nothing() -> None:
    everything = [
        msgspec.structs.replace(point(c.model, c.form, 1.0, a76=1), precision=c.precision)
        for c in curve.chosen(curve.MODELS, curve.FORMS)
    ]
    result = curve.merged(EMPTY, everything)
    assert result.missing == () and "Not complete" not in table(result)


def test_an_earlier_result_of_another_environment_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "curve.json"
    assert curve.earlier(path, EMPTY) == EMPTY
    save(path, RESULT)
    assert curve.earlier(path, EMPTY) == RESULT
    other = msgspec.structs.replace(EMPTY, cores=("a76", "a55"))
    assert curve.earlier(path, other) == other


def test_the_picture_has_the_papers_points_and_ours() -> None:
    text = curve_picture.curve(RESULT)
    dots = [
        dot[0].text or ""
        for dot in ElementTree.fromstring(text).iter("{http://www.w3.org/2000/svg}circle")
    ]
    assert sum("ms" in dot for dot in dots) == len(PAPER_MS) + 2  # published of Swin, ours of Slide
    assert "swin_base: 83.5 %, 530 ms" in dots and "swin_base: 83.5 %, 250 ms" in dots
    assert "slide_swin_small: 83.7 %, 1000 million cycles" in dots
    assert text.count("not measured</text>") == 2  # int8, on both axes
    assert "files not measured yet" in text


def test_what_an_earlier_run_has_estimated_comes_first_and_is_added_core_by_core(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def estimated(processor: Processor, path: Path, image: object) -> FileEstimate:
        operation = OperationEstimate(name="Add", compute_cycles=30, memory_cycles=4)
        return FileEstimate(made_with="0" * 64, operations=(operation,))

    def kept(processor: Processor, path: Path) -> FileEstimate | None:
        is_kept = processor.name == "a55" and "int8" in path.name
        return estimated(processor, path, None) if is_kept else None

    monkeypatch.setattr(file_cost, "kept", kept)
    monkeypatch.setattr(file_cost, "estimated", estimated)
    files = curve.chosen(["swin_base"], ["deploy"])
    order = [
        (file.precision, core) for file, core in curve.estimates(files, tmp_path, ("a76", "a55"))
    ]
    assert order == [("int8", "a55"), ("fp32", "a76"), ("fp32", "a55"), ("int8", "a76")]
    added = curve.with_estimate(files[0], "a55", tmp_path, RESULT)
    assert added.ms == 210.0
    assert [(each.core, each.cycles) for each in added.estimates] == [
        ("a76", 2_500_000_000), ("a55", 34),
    ]  # fmt: skip

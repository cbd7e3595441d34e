"""What was measured keeps to the limits that were set beforehand."""

import pytest

from benchmarks.choose import choice
from benchmarks.growth import GATE, SIZES
from benchmarks.lib import gates
from benchmarks.lib.pages import FORMS_FILE, ROOT
from benchmarks.lib.results.document import read
from benchmarks.lib.results.files import Candidate, Timed
from benchmarks.lib.results.forms import FormRow, FormTable
from benchmarks.lib.results.gates import GateResult
from benchmarks.lib.results.growth import Grown, Growth
from benchmarks.lib.results.memory import Memory, MemoryRow
from benchmarks.lib.results.targets import Conversion, Targets
from benchmarks.lib.results.whole import Whole
from slide_mobile.deploy.forms import chosen
from slide_mobile.recipes import RECIPES
from slide_mobile.targets import registry

RESULTS = ROOT / "benchmarks/results"
TARGETS = read(RESULTS / "targets.json", Targets)
WHOLE = read(RESULTS / "whole.json", Whole)
WITH_AMX = read(RESULTS / "whole_amx.json", Whole)
MEMORY = read(RESULTS / "memory.json", Memory)
GROWTH = read(RESULTS / "growth.json", Growth)
FORMS = read(ROOT / FORMS_FILE, FormTable)

TINY = [row for row in TARGETS.rows if row.model == "slide_swin_tiny"]
MAX_RSS_BYTES = 8e9
MIN_FP32_SQNR_DB = 90
MAX_RANK = 4
# Seconds for a conversion of slide_swin_tiny, parity included.
MAX_SECONDS = {"coreml": 60, "onnx": 60}
MAX_EXECUTORCH_INT8_SECONDS = 180


def is_ours(row: Candidate) -> bool:
    return (row.model, row.form) == ("slide_swin_tiny", "deploy")


def label(row: Conversion) -> str:
    return "-".join(row.key)


def name(row: Candidate) -> str:
    return row.name


def test_there_is_a_row_of_both_models_for_every_target() -> None:
    found = {(row.model, row.target) for row in TARGETS.rows}
    models, targets = (
        {"slide_swin_demo", "slide_swin_tiny"},
        {"coreml", "executorch", "onnx", "tflite"},
    )
    assert found == {(model, target) for model in models for target in targets}


@pytest.mark.parametrize("row", TARGETS.rows, ids=label)
def test_a_conversion_stays_within_the_memory_of_a_laptop(row: Conversion) -> None:
    assert row.peak_rss_bytes < MAX_RSS_BYTES


@pytest.mark.parametrize("row", TINY, ids=label)
def test_no_tensor_has_a_higher_rank_than_accelerators_take(row: Conversion) -> None:
    assert row.max_rank <= MAX_RANK


@pytest.mark.parametrize("row", [r for r in TINY if r.precision == "fp32"], ids=label)
def test_fp32_is_the_same_function(row: Conversion) -> None:
    assert row.sqnr_db >= MIN_FP32_SQNR_DB


@pytest.mark.parametrize(
    "row", [r for r in TINY if (r.target, r.backend) == ("executorch", "xnnpack")], ids=label
)
def test_xnnpack_takes_the_whole_graph_in_one_delegate(row: Conversion) -> None:
    assert row.partitions == 1 and row.delegated_ops == row.total_ops


@pytest.mark.parametrize("row", [r for r in TINY if r.target in MAX_SECONDS], ids=label)
def test_a_conversion_takes_less_than_a_minute(row: Conversion) -> None:
    assert row.seconds < MAX_SECONDS[row.target]


def test_static_quantisation_for_executorch_takes_less_than_three_minutes() -> None:
    (row,) = (
        r for r in TINY if (r.target, r.backend, r.precision) == ("executorch", "xnnpack", "int8")
    )
    assert row.seconds < MAX_EXECUTORCH_INT8_SECONDS


@pytest.mark.parametrize("gate", WHOLE.gates, ids=lambda gate: f"{gate.target} {gate.name}")
def test_what_was_promised_of_latency_and_delegation_holds(gate: GateResult) -> None:
    assert gate.verdict in {"goal", "gate"}


def test_with_amx_the_one_gate_is_missed_that_the_docs_name() -> None:
    missed = {(g.target, g.name) for g in WITH_AMX.gates if g.verdict == "missed"}
    assert missed == {("tflite", "int8: ours / GEMM floor")}


def test_the_gates_are_all_there_and_follow_from_the_rows() -> None:
    assert gates.judged(WHOLE.rows) == WHOLE.gates
    assert len(WHOLE.gates) == len(gates.GATES)


@pytest.mark.parametrize(
    "row",
    [row for row in WHOLE.rows if row.sqnr_db is not None],
    ids=lambda row: f"{row.name}-{row.threads}",
)
def test_every_latency_is_that_of_a_file_that_computes_what_pytorch_does(row: Timed) -> None:
    assert row.sqnr_db is not None
    assert row.sqnr_db >= RECIPES[row.precision].min_sqnr_db


def test_ours_was_measured_in_every_way() -> None:
    memory = {(r.target, r.precision) for r in MEMORY.rows if is_ours(r)}
    assert memory >= {("tflite", "fp32"), ("tflite", "int8")}
    assert {r.size for r in GROWTH.rows if is_ours(r)} == {(side, side) for side in SIZES}
    assert {r.target for r in FORMS.rows} == {"tflite", "executorch"}


@pytest.mark.parametrize(
    "row", [r for r in MEMORY.rows if is_ours(r) and r.target == "tflite"], ids=name
)
def test_what_was_promised_of_memory_holds(row: MemoryRow) -> None:
    assert row.verdict in {"goal", "gate"}


@pytest.mark.parametrize("row", [r for r in GROWTH.rows if is_ours(r)], ids=name)
def test_ours_grows_no_faster_than_the_pixels(row: Grown) -> None:
    assert row.valid and isinstance(row.a_pixel_to_first, float)
    assert row.a_pixel_to_first <= GATE


@pytest.mark.parametrize("row", FORMS.rows, ids=lambda row: f"{row.target} {row.precision}")
def test_a_stage_gets_the_fastest_of_the_forms_that_were_measured(row: FormRow) -> None:
    assert row.precision in registry.load(row.target).BACKENDS[row.backend]
    for backend in (row.backend, f"{row.backend}-fp16"):
        forms = chosen(row.target, backend, row.precision, "x86")
        assert forms.nearest(row.attention, row.shape) == row.form
    assert row.form == choice(row.measured)

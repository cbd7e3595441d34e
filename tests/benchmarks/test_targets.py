"""Rows of targets.json: their order, their latency, their table."""

from benchmarks.lib.latency import Latency
from benchmarks.lib.results.targets import Cell, Conversion, RefusedCell, Targets, table
from benchmarks.targets import added, cells, with_latency


def conversion(model: str, target: str = "onnx", precision: str = "fp32") -> Conversion:
    return Conversion(
        model=model,
        target=target,
        backend="cpu",
        precision=precision,
        sqnr_db=120.0,
        top1_agreement=None,
        samples=16,
        top1=None,
        reference_top1=None,
        runtime="a runtime",
        size_bytes=1,
        partitions=0,
        delegated_ops=0,
        total_ops=1,
        max_rank=4,
        int8_mac_fraction=0.0,
        min_runtime=None,
        toolchain={},
        created="today",
        cpu="a machine",
        with_amx=False,
        forms_sha256="0" * 64,
        seconds=1.0,
        peak_rss_bytes=1,
    )


REFUSED = RefusedCell(model="m", target="onnx", backend="cpu", precision="int8", error="no")


def test_rows_of_any_model_are_kept_in_order() -> None:
    result = Targets(rows=())
    names = ("slide_nat_test", "slide_swin_tiny", "slide_swin_demo")
    for name in names:
        for target in ("tflite", "coreml"):
            result = added(result, conversion(name, target))
    assert [row.model for row in result.rows[::2]] == [*reversed(names)]
    assert [row.target for row in result.rows] == ["coreml", "tflite"] * 3


def test_a_backend_that_shares_its_file_has_no_row() -> None:
    found = {cell.backend for cell in cells("slide_swin_demo", "tflite")}
    assert found == {"xnnpack"}
    assert Cell(model="m", target="t", backend="b", precision="p").key == ("m", "t", "b", "p")


def test_a_latency_is_as_valid_as_both_of_its_sides() -> None:
    quiet, noisy = Latency(p50_ms=10, p90_ms=10), Latency(p50_ms=20, p90_ms=40)
    row = with_latency(conversion("m"), quiet, noisy, runs=5)
    assert (row.to_stock_fp32, row.valid, row.runs) == (0.5, False, 5)
    assert "| invalid |" in table(Targets(rows=(row,)), "m")
    row = with_latency(conversion("m"), quiet, quiet, runs=5)
    assert "| 1.00 |" in table(Targets(rows=(row,)), "m")


def test_the_table_has_as_many_cells_in_every_line() -> None:
    text = table(added(Targets(rows=(conversion("m"),)), REFUSED), "m")
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == 4 and len({line.count("|") for line in lines}) == 1
    assert "| onnx | `int8` | refused |" in text

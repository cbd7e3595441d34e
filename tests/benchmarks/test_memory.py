"""Working memory is counted once, and judged by the worse of its two measures."""

from pathlib import Path

import numpy as np
import pytest
from benchmark_rows import ENVIRONMENT

from benchmarks.lib.building import build
from benchmarks.lib.results.files import Candidate, GraphForm, Refused
from benchmarks.lib.results.memory import Memory, MemoryRow, table
from benchmarks.memory import arena, forked, measured, to_published, touched, union

MIB = 1 << 20


def row(model: str, form: GraphForm, arena_bytes: int, touched_bytes: int) -> MemoryRow:
    return MemoryRow(
        model=model,
        form=form,
        target="tflite",
        precision="fp32",
        size=(224, 224),
        arena_bytes=arena_bytes,
        touched_bytes=touched_bytes,
    )


ROWS = to_published(
    [
        row("slide_swin_tiny", "published", 100, 200),
        row("slide_swin_tiny", "deploy", 30, 100),
        row("swin_tiny", "deploy", 30, 100),
    ]
)


def test_memory_that_tensors_share_is_counted_once() -> None:
    assert union([(100, 200), (0, 50), (150, 300), (160, 170)]) == 250
    assert union([]) == 0


def test_a_fork_counts_the_memory_that_is_written_to() -> None:
    kept = np.ones(64 * MIB, np.uint8)

    def write() -> None:
        kept[: 24 * MIB] = 2

    def write_and_give_back() -> None:
        np.ones(24 * MIB, np.uint8)

    assert 24 * MIB <= forked(write) < 25 * MIB
    # The kernel counts resident pages in batches.
    assert 23 * MIB < forked(write_and_give_back) < 25 * MIB
    assert forked(lambda: kept.sum()) < MIB


def test_ours_is_judged_by_the_worse_of_its_two_measures() -> None:
    published, ours, swin = ROWS
    assert (published.arena_to_published, bool(published.verdict)) == (1, False)
    assert (ours.arena_to_published, ours.touched_to_published) == (0.3, 0.5)
    assert ours.verdict == "gate"
    assert not swin.verdict and not swin.arena_to_published


def test_the_table_has_a_line_for_each_file() -> None:
    refused = Refused(
        model="m", form="floor", target="tflite", precision="int8", size=(1, 1), error="no"
    )
    text = table(Memory(environment=ENVIRONMENT, rows=ROWS, refused=(refused,)))
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == 2 + 4 and len({line.count("|") for line in lines}) == 1
    assert "| tflite | m | floor | `int8` | refused |" in text


def candidate(form: GraphForm) -> Candidate:
    return Candidate(
        model="slide_swin_test", form=form, target="tflite", precision="fp32", size=(64, 96)
    )


@pytest.mark.full_size
def test_the_published_graph_needs_more_memory_than_the_deploy_form(tmp_path: Path) -> None:
    both = [candidate("published"), candidate("deploy")]
    for each in both:
        build(each, each.path(tmp_path))
    arenas = [arena(each.path(tmp_path)) for each in both]
    written = [touched(each, each.path(tmp_path)) for each in both]
    assert arenas[0] > arenas[1] > 0
    assert written[0] > written[1] > 0
    # The two measure the same thing by different planners.
    assert 0.5 < written[0] / arenas[0] < 3


@pytest.mark.slow
def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    damaged = candidate("deploy")
    damaged.path(tmp_path).write_bytes(b"not a model")
    found = measured(damaged, tmp_path)
    assert isinstance(found, Refused) and found.error.startswith("ArtifactError")

"""A form for a phone is the one of least cycles, memory included."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.lib.estimating import KindOfOperation, kinds
from benchmarks.lib.map_modules import built
from benchmarks.lib.phone_choice import CANDIDATES, choice
from benchmarks.lib.results.phone_forms import EstimatedForm
from benchmarks.lib.results.phones import PhoneCycles, PhoneRow, pairs, table
from slide_mobile.deploy.forms import Form
from slide_mobile.lab.cost.parts import PARTS

FIRST, OTHER = CANDIDATES[:2]


def estimated(form: Form, compute: float, memory: float, partitions: int = 1) -> EstimatedForm:
    return EstimatedForm(
        form=form, compute=compute, memory=memory, partitions=partitions, outside=0
    )


def test_memory_counts_and_a_form_that_splits_the_delegate_does_not() -> None:
    slow = estimated(FIRST, 10, 5)
    assert choice([slow, estimated(OTHER, 11, 3)]) == OTHER
    assert choice([slow, estimated(OTHER, 9, 7)]) == FIRST
    assert choice([slow, estimated(OTHER, 1, 1, partitions=2)]) == FIRST


def row(model: str, form: str, compute: float, memory: float) -> PhoneRow:
    kind = KindOfOperation(name="GELU", operations=1, compute=compute, memory=memory)
    return PhoneRow(
        model=model,
        form="deploy" if form == "deploy" else "published",
        precision="fp32",
        core="a76",
        sqnr_db=120,
        partitions=1,
        kinds=(kind,),
    )


def test_ours_is_held_against_the_published_parent_without_and_with_memory() -> None:
    ours, parent = row("slide_swin_tiny", "deploy", 90, 60), row("swin_tiny", "published", 100, 50)
    result = PhoneCycles(forms_sha256="0" * 64, rows=(ours, parent))
    assert pairs(result) == [(ours, parent)]
    written = table(result)
    assert "| 90 / 100 | 0.900 | 150 / 150 | 1.000 |" in written
    assert "| GELU | 90.0 + 60.0 | 100.0 + 50.0 |" in written


@pytest.mark.slow
@pytest.mark.skipif(not all(part.is_made for part in PARTS), reason="slide-mobile lab setup cost")
def test_a_file_is_estimated_by_kind_of_operation(tmp_path: Path) -> None:
    import torch

    draw = np.random.default_rng(0).standard_normal((4, 6, 16), np.float32)
    path = tmp_path / "linear.tflite"
    built(torch.nn.Linear(16, 16), [draw], path, target="tflite", precision="fp32")
    (found,) = (kind for kind in kinds(path, draw, "a76") if "Fully Connected" in kind.name)
    # 6144 multiply-adds, at most 8 in a cycle.
    assert found.operations == 1 and 0.0007 < found.compute < 0.05

"""Choose the forms of stages for a core of a phone, by estimated cycles."""

import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.lib.estimating import kinds
from benchmarks.lib.map_modules import built
from benchmarks.lib.results.phone_forms import EstimatedForm, PhoneFormRow
from benchmarks.lib.stages import Stage, staged
from slide_mobile.deploy.forms import Form, chosen

TARGET, BACKEND = "tflite", "xnnpack"
PAIRS = 60
PLAIN = Form(head_sum="sum", head_broadcast="broadcast")
# The estimate takes minutes a form: only forms that are not slower everywhere.
CANDIDATES = (PLAIN, replace(PLAIN, strips=4), replace(PLAIN, strips=4, shifts="both"))


def estimated(
    stage: Stage, precision: str, core: str, forms: Iterable[Form] = CANDIDATES
) -> PhoneFormRow:
    """The row of a stage: every form estimated, and the one to choose."""
    found = tuple(_estimated(stage, form, precision, core) for form in forms)
    best = choice(found)
    return PhoneFormRow(
        core=core,
        target=TARGET,
        backend=BACKEND,
        precision=precision,
        attention=stage.attention,
        shape=stage.shape,
        form=best,
        on_x86=on_x86(stage, best, precision),
        estimated=found,
    )


def on_x86(stage: Stage, form: Form, precision: str) -> float:
    """Processor time of a stage in a form over that in the form of x86: the median of pairs."""
    there = chosen(TARGET, BACKEND, precision, "x86").nearest(stage.attention, stage.shape)
    if form == there:
        return 1.0
    with tempfile.TemporaryDirectory() as folder:
        calls = [
            built(
                *staged(TARGET, stage, each),
                Path(folder, f"{number}.tflite"),
                target=TARGET,
                precision=precision,
            ).call
            for number, each in enumerate((form, there))
        ]
        times = [[_seconds(call) for call in calls] for _ in range(PAIRS)]
    return round(float(np.median([ours / theirs for ours, theirs in times])), 3)


def _seconds(call: Callable[[], object]) -> float:
    """Processor time of a call."""
    start = time.process_time()
    call()
    return time.process_time() - start


def choice(found: Sequence[EstimatedForm]) -> Form:
    """The form of least cycles, memory included, that is delegated as well as the first."""
    first, *_ = found
    whole = [f for f in found if f.partitions <= first.partitions and f.outside <= first.outside]
    return min(whole, key=lambda f: f.compute + f.memory).form


def _estimated(stage: Stage, form: Form, precision: str, core: str) -> EstimatedForm:
    """A stage in one form, which is built and thrown away."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "stage.tflite")
        module, maps = staged(TARGET, stage, form)
        file = built(module, maps, path, target=TARGET, precision=precision)
        rows = kinds(path, maps[0], core)
    return EstimatedForm(
        form=form,
        compute=round(sum(row.compute for row in rows), 3),
        memory=round(sum(row.memory for row in rows), 3),
        partitions=file.partitions,
        outside=file.outside,
    )

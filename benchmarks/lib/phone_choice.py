"""Choose the forms of stages for a core of a phone, by estimated cycles."""

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.lib.estimating import kinds
from benchmarks.lib.map_modules import built
from benchmarks.lib.results.phone_forms import EstimatedForm, PhoneFormRow
from benchmarks.lib.stages import Stage, staged
from slide_mobile.deploy.forms import Form

TARGET, BACKEND = "tflite", "xnnpack"
PLAIN = Form(head_sum="sum", head_broadcast="broadcast")
# The estimate takes minutes a form: only forms that are not slower everywhere.
CANDIDATES = (PLAIN, replace(PLAIN, strips=4), replace(PLAIN, strips=4, shifts="both"))


def estimated(
    stage: Stage, precision: str, core: str, forms: Iterable[Form] = CANDIDATES
) -> PhoneFormRow:
    """The row of a stage: every form estimated, and the one to choose."""
    found = tuple(_estimated(stage, form, precision, core) for form in forms)
    return PhoneFormRow(
        core=core,
        target=TARGET,
        backend=BACKEND,
        precision=precision,
        attention=stage.attention,
        shape=stage.shape,
        form=choice(found),
        estimated=found,
    )


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

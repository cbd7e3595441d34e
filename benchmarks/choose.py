"""Measure the forms of each stage, and write the table from which `convert` chooses.

    python -m benchmarks.choose [--models M ...] [--targets T ...] [--precisions P ...] [--runs 40]
        [--force] [--out slide_mobile/deploy/forms.json]
    python -m benchmarks.choose --core a76 [--models M ...] [--precisions P ...] [--force]
        [--out slide_mobile/deploy/phone_forms.json]

The stages of the demo, of slide_swin_tiny and of the families' small models, random weights. All
forms of a stage are timed in turn, one thread, medians. Rows of the output file that are valid
(spreads within 10 %) and have every form are kept. A form other than the plain one is chosen where
it is faster by more than noise. Core ML and ONNX get the plain form: Core ML does not run on this
kind of machine, and ONNX Runtime chooses layouts of its own.

With `--core`, nothing is timed: `lab cost` estimates the cycles of each form of the .tflite stages
on that core of a phone, and the form of least cycles is chosen.
"""

import argparse
import itertools
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import UNSET, structs
from rich.console import Console

from benchmarks.lib import phone_choice
from benchmarks.lib.arguments import parser
from benchmarks.lib.latency import interleaved
from benchmarks.lib.map_modules import built
from benchmarks.lib.results.document import environment, read, save
from benchmarks.lib.results.forms import FormRow, FormTable, MeasuredForm
from benchmarks.lib.results.phone_forms import PhoneFormRow, PhoneForms
from benchmarks.lib.stages import Stage, staged, stages
from slide_mobile.bench import amx
from slide_mobile.bench.statistics import MAX_SPREAD
from slide_mobile.deploy.forms import PHONES, TABLE, Attention, Form, Shape
from slide_mobile.parity.source import DEMO
from slide_mobile.targets import registry

MODELS = (DEMO, "slide_swin_tiny", "slide_pvt_tiny", "slide_nat_mini")
BACKEND = "xnnpack"
FORMS: Mapping[Attention, tuple[Form, ...]] = {
    "slide": (
        Form(),
        Form(head_broadcast="broadcast"),
        Form(strips=4),  # a concat of more leaves TFLite's delegate
        Form(head_broadcast="broadcast", strips=4),
        Form(head_sum="sum", head_broadcast="broadcast"),
        Form(head_sum="sum", head_broadcast="broadcast", strips=4),
        Form(head_sum="sum", head_broadcast="broadcast", strips=4, shifts="both"),
    ),
    "window": (Form(), Form(tokens="matrix")),
}
MARGIN = 1.03  # a form must beat the plain one by more than this
JITTER_MS = 0.2  # a clock tick or a context switch is more than 10 % of a small stage
# A convolution quantised dynamically behind the stage would be lowered wrongly
# (executorch/rewrites.py), so int8-dynamic keeps its maps.
REFUSED = {("executorch", "int8-dynamic", "matrix")}
# The partitioner of ExecuTorch 1.4 leaves sums outside the delegate; its maps are channels first,
# which shifts are not written for. Forms with shifts have sums.
NO_SUMS = {"executorch"}

Key = tuple[str, str, Attention, Shape]


def main() -> None:
    """Measure what the table lacks; each row is saved as soon as it is measured."""
    arguments = parser(__doc__, out="", runs=40)
    arguments.set_defaults(out=None)
    arguments.add_argument("--core", help="choose for this core of a phone, by estimated cycles")
    arguments.add_argument("--models", nargs="+", default=MODELS)
    arguments.add_argument("--targets", nargs="+", default=("tflite", "executorch"))
    arguments.add_argument("--precisions", nargs="+", help="default: all of the target")
    arguments.add_argument(
        "--force", action="store_true", help="measure all rows again, valid ones too"
    )
    options = arguments.parse_args()
    if options.core is not None:
        choose_for_phone(options)
        return
    options.out = options.out or TABLE
    amx.renounce()
    console = Console(stderr=True)
    found = read(options.out, FormTable).rows if options.out.exists() else ()
    rows = {key(row): row for row in found}
    good = {k for k, row in rows.items() if is_valid(row.measured) and is_complete(row)}
    for model in options.models:
        for target in options.targets:
            precisions = options.precisions or registry.load(target).BACKENDS[BACKEND]
            for stage in stages(model, target):
                for precision in precisions:
                    at = (target, precision, stage.attention, stage.shape)
                    if at in good and not options.force:
                        continue
                    rows[at] = measure(target, stage, precision, runs=options.runs)
                    console.print(target, precision, str(stage), rows[at].form, highlight=False)
                    save_rows(options.out, list(rows.values()), runs=options.runs)


def choose_for_phone(options: argparse.Namespace) -> None:
    """Estimate the stages that the table of phones lacks; each row is saved at once."""
    amx.renounce()
    out = options.out or PHONES
    rows = {phone_key(row): row for row in (read(out, PhoneForms).rows if out.exists() else ())}
    precisions = options.precisions or ("fp32", "int8")
    for model, precision in itertools.product(options.models, precisions):
        for stage in stages(model, phone_choice.TARGET):
            at = (options.core, precision, stage.attention, stage.shape)
            if at in rows and not options.force:
                continue
            rows[at] = phone_choice.estimated(stage, precision, options.core)
            Console(stderr=True).print(precision, str(stage), rows[at].form, highlight=False)
            save(out, PhoneForms(rows=tuple(rows.values())))


def phone_key(row: PhoneFormRow) -> Key:
    """What identifies a row of the table of phones."""
    return row.core, row.precision, row.attention, row.shape


def save_rows(path: Path, rows: Sequence[FormRow], *, runs: int) -> None:
    """Write the table, in order."""
    ordered = sorted(rows, key=lambda r: (r.target, r.precision, r.attention, r.shape.dim))
    where = environment(dict.fromkeys(r.target for r in rows), threads=1, runs=runs)
    where = structs.replace(where, forms_sha256=UNSET)  # it is this very table
    save(path, FormTable(environment=where, rows=tuple(ordered)))


def measure(target: str, stage: Stage, precision: str, *, runs: int) -> FormRow:
    """The row of a stage: every form timed, and the one to choose."""
    with tempfile.TemporaryDirectory() as folder:
        files = {
            form: built(
                *staged(target, stage, form),
                Path(folder, f"{number}.model"),
                target=target,
                precision=precision,
            )
            for number, form in enumerate(candidates(target, precision, stage.attention))
        }
        times = interleaved({form: file.call for form, file in files.items()}, runs=runs)
    measured = tuple(
        MeasuredForm(
            form=form,
            p50_ms=times[form].p50_ms,
            p90_ms=times[form].p90_ms,
            partitions=file.partitions,
            outside=file.outside,
        )
        for form, file in files.items()
    )
    return FormRow(
        target=target,
        backend=BACKEND,
        precision=precision,
        attention=stage.attention,
        shape=stage.shape,
        form=choice(measured),
        measured=measured,
    )


def candidates(target: str, precision: str, attention: Attention) -> list[Form]:
    """The forms that an attention has on this target in this precision, the plain one first."""
    return [
        form
        for form in FORMS[attention]
        if (target, precision, form.tokens) not in REFUSED
        and not (form.head_sum == "sum" and target in NO_SUMS)
    ]


def choice(measured: Sequence[MeasuredForm]) -> Form:
    """The plain form, unless another is faster by more than noise."""
    plain, best = compared(measured)
    faster = is_valid(measured) and best.p50_ms * MARGIN < plain.p50_ms
    return (best if faster else plain).form


def compared(measured: Sequence[MeasuredForm]) -> tuple[MeasuredForm, MeasuredForm]:
    """The plain form, which is the first, and the fastest that is delegated as well as it is.

    A form that splits the delegate or leaves more operations outside is not a candidate.
    """
    plain, *_ = measured
    whole = [m for m in measured if m.partitions <= plain.partitions and m.outside <= plain.outside]
    return plain, min(whole, key=lambda m: m.p50_ms)


def is_valid(measured: Sequence[MeasuredForm]) -> bool:
    """Whether the machine was quiet enough to compare the plain form with the best."""
    return all(
        m.p90_ms <= max(MAX_SPREAD * m.p50_ms, m.p50_ms + JITTER_MS) for m in compared(measured)
    )


def is_complete(row: FormRow) -> bool:
    """Whether every form was measured that this attention has in this precision."""
    wanted = candidates(row.target, row.precision, row.attention)
    return {m.form for m in row.measured} == set(wanted)


def key(row: FormRow) -> Key:
    """What identifies a row."""
    return row.target, row.precision, row.attention, row.shape


if __name__ == "__main__":
    main()

"""slide_mobile/deploy/forms.json: the measured forms of each stage, and which one was chosen."""

from collections.abc import Sequence

from benchmarks.lib.results.document import Measured, Row
from benchmarks.lib.results.markdown import grid
from slide_mobile.artifact.documents import Count, Milliseconds, Text
from slide_mobile.deploy.forms import Attention, Form, Shape


class MeasuredForm(Row, frozen=True, kw_only=True):
    """Latency and delegation of a stage in one form."""

    form: Form
    p50_ms: Milliseconds
    p90_ms: Milliseconds
    partitions: Count
    outside: Count


class FormRow(Row, frozen=True, kw_only=True):
    """The form chosen for a stage on one target and precision, and what decided it.

    The first of `measured` is the plain form.
    """

    target: Text
    backend: Text
    precision: Text
    attention: Attention
    shape: Shape
    form: Form
    measured: tuple[MeasuredForm, ...]


class FormTable(Measured, frozen=True, kw_only=True):
    """The whole file."""

    rows: tuple[FormRow, ...]


_FORMS = ("plain", "broadcast", "4 strips", "broadcast, 4 strips", "sum, broadcast")
FORMS = (*_FORMS, "sum, broadcast, 4 strips", "shifts, 4 strips", "matrix")


def table(result: FormTable) -> str:
    """A line for each stage; the chosen form is bold."""
    where = result.environment
    title = (
        "Milliseconds per stage of the demo, `slide_swin_tiny`, `slide_pvt_tiny` and "
        f"`slide_nat_mini`, {where.amx}, one thread, {where.cpu}, medians of {where.runs} "
        "interleaved runs. "
        "The form in bold is chosen: the plain one, unless another beats it:"
    )
    timed = {_name(m.form) for row in result.rows for m in row.measured}
    names = [name for name in FORMS if name in timed]
    head = ["target", "precision", "map", "heads", *names]
    return grid(title, head, 3, [_cells(row, names) for row in result.rows])


def _cells(r: FormRow, names: Sequence[str]) -> list[str]:
    """The line of a stage."""
    times = {_name(m.form): f"{m.p50_ms:.2f}" for m in r.measured}
    times[_name(r.form)] = f"**{times[_name(r.form)]}**"
    shape = f"{r.attention} {r.shape.height}x{r.shape.width}x{r.shape.dim}"
    forms = [times.get(name, "") for name in names]
    return [r.target, f"`{r.precision}`", shape, str(r.shape.heads), *forms]


def _name(form: Form) -> str:
    """A form as the head of the table names it."""
    if form.tokens == "matrix":
        return "matrix"
    if form.shifts == "both":
        return f"shifts, {form.strips} strips"
    names = ["sum"] * (form.head_sum == "sum")
    names += ["broadcast"] * (form.head_broadcast == "broadcast")
    names += ["4 strips"] * (form.strips == 4)
    return ", ".join(names) or "plain"

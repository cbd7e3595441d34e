"""A form is chosen where it is faster by more than noise."""

from msgspec import structs

from benchmarks.choose import FORMS, choice, is_complete
from benchmarks.lib.results.forms import FormRow, MeasuredForm
from slide_mobile.deploy.forms import Form, Shape

PLAIN, OTHER = Form(), Form(strips=4)


def measured(form: Form, p50_ms: float, p90_ms: float, partitions: int = 1) -> MeasuredForm:
    return MeasuredForm(form=form, p50_ms=p50_ms, p90_ms=p90_ms, partitions=partitions, outside=0)


QUIET = measured(PLAIN, 10.0, 10.5)
SPLIT = measured(Form(strips=2), 5.0, 5.0, partitions=2)


def test_a_form_must_be_faster_than_noise_and_measured_without_it() -> None:
    assert choice([QUIET, measured(OTHER, 9.8, 10.0)]) == PLAIN
    assert choice([QUIET, measured(OTHER, 9.0, 9.5)]) == OTHER
    assert choice([QUIET, measured(OTHER, 9.0, 12.0)]) == PLAIN


def test_a_form_that_splits_the_delegate_is_never_chosen() -> None:
    assert choice([QUIET, SPLIT]) == PLAIN


def test_the_noise_of_a_form_that_splits_the_delegate_does_not_count() -> None:
    noisy = structs.replace(SPLIT, p90_ms=9.0)
    assert choice([QUIET, measured(OTHER, 9.0, 9.5), noisy]) == OTHER
    assert choice([QUIET, measured(OTHER, 9.0, 12.0), SPLIT]) == PLAIN


def test_a_row_that_lacks_a_form_is_measured_again() -> None:
    row = FormRow(
        target="tflite",
        backend="xnnpack",
        precision="fp32",
        attention="slide",
        shape=Shape(height=56, width=56, dim=96, heads=3),
        form=PLAIN,
        measured=tuple(measured(form, 10.0, 10.1) for form in FORMS["slide"]),
    )
    assert is_complete(row)
    assert not is_complete(structs.replace(row, measured=row.measured[:-1]))

"""The table of forms: a map that was not measured gets the form of the nearest one."""

from dataclasses import replace

import pytest

from slide_mobile.deploy import forms
from slide_mobile.deploy.forms import (
    PLAIN,
    Form,
    Forms,
    PhoneRow,
    Shape,
    TimedForm,
    TimedRow,
    chosen,
    phone_rows,
)
from slide_mobile.targets.tuning import BALANCED, Tune, known

SMALL = Shape(height=28, width=28, dim=192, heads=6)
LARGE = Shape(height=56, width=56, dim=96, heads=3)
ROWS = Forms(
    (
        ("slide", SMALL, Form(strips=2)),
        ("slide", LARGE, Form(strips=4)),
        ("window", LARGE, Form(tokens="matrix")),
    )
)


def test_a_map_gets_its_own_row_or_the_nearest_of_its_attention() -> None:
    assert ROWS.nearest("slide", LARGE) == Form(strips=4)
    assert ROWS.nearest("slide", replace(SMALL, height=24, width=30)) == Form(strips=2)
    assert ROWS.nearest("window", SMALL) == Form(tokens="matrix")


def test_what_was_not_measured_gets_the_plain_form() -> None:
    assert PLAIN.nearest("slide", LARGE) == Form()
    assert chosen("a target", "xnnpack", "fp32") == PLAIN
    assert chosen("executorch", "coreml", "fp16") == PLAIN


FAST, PHONES = Form(), Form(shifts="both")


def tables(monkeypatch: pytest.MonkeyPatch, x86_ms: float) -> None:
    """Two tables with one stage: x86 takes 10 ms in FAST, and so long in the form of the A76."""
    times = ((FAST, 10.0), (PHONES, x86_ms))
    stage = {"target": "t", "backend": "b", "precision": "p", "attention": "slide", "shape": LARGE}
    timed = tuple(TimedForm(form=form, p50_ms=ms) for form, ms in times)
    rows = (TimedRow(**stage, form=FAST, measured=timed),)  # type: ignore[arg-type]
    phones = (PhoneRow(**stage, form=PHONES, core="a76"),)  # type: ignore[arg-type]
    monkeypatch.setattr(forms, "rows", lambda: rows)
    monkeypatch.setattr(forms, "phone_rows", lambda: phones)


@pytest.mark.parametrize(
    ("tune", "x86_ms", "form"),
    [
        ("balanced", 10.4, PHONES),
        ("balanced", 10.6, FAST),
        ("x86", 9.9, FAST),
        ("a76", 99.0, PHONES),
        ("x1", 9.9, FAST),  # without an estimate for this core
    ],
)
def test_forms_are_those_of_the_core_and_by_default_those_that_x86_can_bear(
    tune: Tune, x86_ms: float, form: Form, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables(monkeypatch, x86_ms)
    assert chosen("t", "b-fp16", "p", tune).nearest("slide", SMALL) == form


def test_the_a76_has_its_own_form_for_a_stage_of_slide_swin_tiny() -> None:
    at = chosen("tflite", "xnnpack", "fp32", "a76").nearest("slide", SMALL)
    assert at in {row.form for row in phone_rows()}
    assert at != chosen("tflite", "xnnpack", "fp32", "x86").nearest("slide", SMALL)


def test_a_tuning_that_is_not_known_is_the_default() -> None:
    assert known("a76") == "a76"
    assert known(None) == known("a99") == BALANCED

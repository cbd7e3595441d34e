"""The table of forms: a map that was not measured gets the form of the nearest one."""

from dataclasses import replace

import pytest

from slide_mobile.deploy import forms
from slide_mobile.deploy.forms import (
    PLAIN,
    Form,
    Forms,
    PhoneRow,
    Row,
    Shape,
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


@pytest.mark.parametrize(
    ("tune", "on_x86", "form"),
    [
        ("balanced", 1.04, PHONES),
        ("balanced", 1.06, FAST),
        ("balanced", None, FAST),
        ("x86", 0.9, FAST),
        ("a76", 9.0, PHONES),
        ("x1", 0.9, FAST),  # without an estimate for this core
    ],
)
def test_forms_are_those_of_the_core_and_by_default_those_that_x86_can_bear(
    tune: Tune, on_x86: float | None, form: Form, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = {"target": "t", "backend": "b", "precision": "p", "attention": "slide", "shape": LARGE}
    row = Row(**stage, form=FAST)  # type: ignore[arg-type]
    phone = PhoneRow(**stage, form=PHONES, core="a76", on_x86=on_x86)  # type: ignore[arg-type]
    monkeypatch.setattr(forms, "rows", lambda: (row,))
    monkeypatch.setattr(forms, "phone_rows", lambda: (phone,))
    assert chosen("t", "b-fp16", "p", tune).nearest("slide", SMALL) == form


def test_the_a76_has_its_own_form_for_a_stage_of_slide_swin_tiny() -> None:
    at = chosen("tflite", "xnnpack", "fp32", "a76").nearest("slide", SMALL)
    assert at in {row.form for row in phone_rows()}
    assert at != chosen("tflite", "xnnpack", "fp32", "x86").nearest("slide", SMALL)


def test_a_tuning_that_is_not_known_is_the_default() -> None:
    assert known("a76") == "a76"
    assert known(None) == known("a99") == BALANCED

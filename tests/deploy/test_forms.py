"""The table of forms: a map that was not measured gets the form of the nearest one."""

from dataclasses import replace

from slide_mobile.deploy.forms import PLAIN, Form, Forms, Shape, chosen

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

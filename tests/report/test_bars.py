"""Bar charts: marks stay inside, with long names and with values below zero."""

import pytest
from inside import WORDS, assert_inside

from slide_mobile.report.bars import Bar, bars


@pytest.mark.parametrize("small", [True, False])
def test_bars_stay_inside_with_long_names_and_values_below_zero(small: bool) -> None:
    given = [
        Bar(
            label="layers.0.blocks.1.mlp.fc2", low=-49.2, high=41, text="-49 to 41", style="tflite"
        ),
        Bar(label="", low=-1, high=50.6, text="-1 to 50.6, onnx int8", style="onnx"),
        Bar(label="head", low=0, high=0, text="0", style="other"),
    ]
    assert_inside(bars(given, WORDS, unit="value", small=small))

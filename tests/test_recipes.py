import pytest

from slide_mobile import recipes
from slide_mobile.errors import UnknownName


@pytest.mark.parametrize(
    ("out_channels", "in_channels", "thick"),
    [(96, 96, True), (96, 3, False), (5, 96, False), (16, 16, True), (16, 15, False)],
)
def test_thick_is_sixteen_channels_on_both_sides(
    out_channels: int, in_channels: int, thick: bool
) -> None:
    assert recipes.is_quantizable(out_channels, in_channels) is thick


def test_an_unknown_precision_is_answered_with_those_there_are() -> None:
    with pytest.raises(UnknownName, match=r"int7.*int8"):
        recipes.lookup("int7")

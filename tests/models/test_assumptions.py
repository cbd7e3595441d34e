"""What no weight shows is in the manifest's notes, for every family."""

import pytest

from slide_mobile import models
from slide_mobile.models import assumptions

SIZE = (224, 224)


def notes(name: str, size: tuple[int, int] = SIZE, *, labelled: bool = False) -> str:
    model = models.create(name, input_size=size)
    return "\n".join(assumptions.notes(model, input_size=size, usual_size=SIZE, labelled=labelled))


@pytest.mark.parametrize(
    ("name", "fact"),
    [
        ("swin_tiny", "the shift of the windows"),
        ("cswin_small", "the width of the stripes: 1, 2, 7"),
        ("nat_mini", "the dilation of the neighborhoods: none"),
        ("pvt_tiny", "the number of heads"),
        ("pvt_v2_b1", "the number of heads"),
    ],
)
def test_each_family_says_what_its_weights_do_not_show(name: str, fact: str) -> None:
    assert fact in notes(name) and "ImageNet's" in notes(name)


def test_labels_and_the_usual_size_need_no_note() -> None:
    assert "which class each logit" in notes("swin_tiny")
    assert "which class each logit" not in notes("swin_tiny", labelled=True)
    assert "another input size" not in notes("swin_tiny")
    assert "the windows at another input size" in notes("swin_tiny", (256, 256))
    assert "positions at another input size" in notes("pvt_tiny", (256, 256))

"""What no weight shows is in the manifest's notes, for every family."""

import pytest
import torch

from slide_mobile import models
from slide_mobile.errors import UsageError
from slide_mobile.models import assumptions
from slide_mobile.models.layers.cross_windows import StripeAttention
from slide_mobile.parity import reference, source
from slide_mobile.parity.source import ModelSource

SIZE = (224, 224)


def notes(name: str, size: tuple[int, int] = SIZE, *given: str) -> str:
    model = models.create(name, input_size=size)
    return "\n".join(assumptions.notes(model, input_size=size, usual_size=SIZE, given=given))


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
    assert "which class each logit" not in notes("swin_tiny", SIZE, "--labels")
    assert "another input size" not in notes("swin_tiny")
    assert "the windows at another input size" in notes("swin_tiny", (256, 256))
    assert "positions at another input size" in notes("pvt_tiny", (256, 256))


def widths(model: torch.nn.Module) -> list[int]:
    """The widths of the upright stripes, block by block."""
    return [m.window[1] for m in model.modules() if isinstance(m, StripeAttention)][::2]


def test_stripes_are_those_that_were_asked_for_and_the_note_says_so() -> None:
    usual = ModelSource("slide_cswin_test", untrained=True)
    asked = ModelSource("slide_cswin_test", untrained=True, stripes=(1, 2, 3))
    found = reference.load(asked)
    assert widths(reference.load(usual).model)[:2] == [2, 2]
    assert widths(found.model)[:2] == [3, 3]
    assert found.notes == ("stripes of 1, 2, 3, as asked for (--stripes)",)
    assert "width of the stripes" not in notes("cswin_small", SIZE, "--stripes")


def test_weights_of_a_file_take_the_stripes_too() -> None:
    weights = models.create("slide_cswin_test").state_dict()
    given = ModelSource("slide_cswin_test", state_dict=weights, stripes=(1, 2, 3))
    assert widths(reference.load(given).model)[:2] == [3, 3]


def test_stripes_are_refused_for_another_network_and_in_another_form() -> None:
    with pytest.raises(UsageError, match="is for CSwin, and slide_swin_test has no stripes"):
        reference.load(ModelSource("slide_swin_test", untrained=True, stripes=(1, 2, 3)))
    assert source.stripes("1,2,12") == (1, 2, 12)
    for text in ("1,2", "1,2,0", "a,b,c", "1,2,999", ""):
        with pytest.raises(UsageError, match="such as 1,2,12"):
            source.stripes(text)

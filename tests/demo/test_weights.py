"""The bundled weights are whole, small, those of the card, and as accurate as it says."""

import hashlib

import torch
from safetensors.torch import load_file

from slide_mobile import models
from slide_mobile.demo.render import HELD_OUT_SEED, render_many
from slide_mobile.demo.shapes import LABELS
from slide_mobile.demo.weights import WEIGHTS
from tools.demo_training import card


def test_the_file_is_under_three_megabytes() -> None:
    assert WEIGHTS.stat().st_size < 3_000_000


def test_the_file_is_the_one_the_card_describes() -> None:
    digest = hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()
    assert card.read().weights_sha256 == digest


def test_every_parameter_is_bundled_in_fp32_and_nothing_else() -> None:
    parameters = dict(models.create("slide_swin_demo").named_parameters())
    bundled = load_file(WEIGHTS)
    assert {n: p.shape for n, p in bundled.items()} == {n: p.shape for n, p in parameters.items()}
    assert {p.dtype for p in bundled.values()} == {torch.float32}


def test_the_labels_are_as_many_as_the_classes() -> None:
    assert len(LABELS) == len(set(LABELS)) == models.spec("slide_swin_demo").num_classes


def test_the_card_meets_the_promise_on_every_held_out_image() -> None:
    assert card.read().held_out_images == 2400
    assert card.read().held_out_top1 >= 0.97


def test_the_bundled_model_recognises_held_out_drawings() -> None:
    model = models.create("slide_swin_demo")
    rest = model.load_state_dict(load_file(WEIGHTS), strict=False)
    assert not rest.unexpected_keys
    images, labels = render_many(HELD_OUT_SEED, 240)
    # A tenth of the held-out split; the whole of it is the card's number.
    assert (card.predict(model, images) == labels).mean() >= 0.95

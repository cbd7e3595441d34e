"""The card of the demo's weights."""

from pathlib import Path

import msgspec

from tools.demo_training.card import read, write


def test_a_card_is_read_as_it_was_written(tmp_path: Path) -> None:
    card = msgspec.structs.replace(read(), seed=7)
    write(card, tmp_path / "card.json")
    assert read(tmp_path / "card.json") == card

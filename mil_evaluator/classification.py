"""The last operation of a classifier."""

from collections.abc import Mapping

from torch import Tensor

from mil_evaluator.rule import Function


def classify(probabilities: Tensor, classes: list[str]) -> tuple[str, Tensor]:
    """Return the label of the largest probability, and the probabilities (C,) in label order."""
    flat = probabilities.flatten()
    return classes[int(flat.argmax())], flat


RULES: Mapping[str, Function] = {"classify": classify}

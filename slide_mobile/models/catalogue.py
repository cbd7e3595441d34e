"""The registry as a table: what is counted here beside what the papers print."""

import dataclasses
from typing import Any

import torch

from slide_mobile import models
from slide_mobile.models import census


def rows() -> list[dict[str, Any]]:
    """One row a model, in the order of registration."""
    return [_row(models.spec(name)) for name in models.names()]


def _row(spec: models.Spec) -> dict[str, Any]:
    with torch.device("meta"):  # shapes only: nothing is allocated or drawn
        model = spec.build(input_size=spec.input_size, num_classes=spec.num_classes)
    size = census.measure(model, spec.input_size)
    return {
        "name": spec.name,
        "family": spec.family,
        "params": size.params,
        "macs": size.macs,
        "input_size": list(spec.input_size),
        "preset": spec.preset,
        "paper": dataclasses.asdict(spec.paper),
    }

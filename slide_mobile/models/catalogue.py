"""The registry as a table: what is counted here beside what the papers print."""

import dataclasses
from typing import Any

from slide_mobile import models
from slide_mobile.models import census
from slide_mobile.models.meta import ShapesOnly

FAR_PERCENT = 2.0  # a difference from the paper beyond this is marked


def rows() -> list[dict[str, Any]]:
    """One row a model, in the order of registration."""
    return [_row(models.spec(name)) for name in models.names()]


def _row(spec: models.Spec) -> dict[str, Any]:
    with ShapesOnly():
        model = spec.build(input_size=spec.input_size, num_classes=spec.num_classes)
    size = census.measure(model, spec.input_size)
    params = _difference(size.params / 1e6, spec.paper.params_m)
    macs = _difference(size.macs / 1e9, spec.paper.macs_g)
    return {
        "name": spec.name,
        "family": spec.family,
        "params": size.params,
        "macs": size.macs,
        "input_size": list(spec.input_size),
        "preset": spec.preset,
        "paper": dataclasses.asdict(spec.paper),
        "difference": {
            "params_percent": params,
            "macs_percent": macs,
            "far": any(abs(d or 0) > FAR_PERCENT for d in (params, macs)),
        },
        "notes": list(spec.notes),
    }


def _difference(counted: float, printed: float | None) -> float | None:
    """In percent of what is printed; None where nothing is."""
    return None if printed is None else 100 * (counted - printed) / printed

"""Rows of results, made up."""

from typing import Any

from benchmarks.lib.results.document import Environment
from benchmarks.lib.results.files import GraphForm, Refused, Timed

ENVIRONMENT = Environment(
    machine="x86_64",
    cpu="a machine",
    with_amx=False,
    cores=2,
    python="3.11",
    toolchain={},
    runs=30,
)


def timed(model: str, form: GraphForm, precision: str, p50_ms: float, **others: Any) -> Timed:
    """A TFLite file that took so long on one thread."""
    plain = {
        "size": (224, 224),
        "sqnr_db": 120.0,
        "partitions": 1,
        "delegated_ops": 100,
        "total_ops": 100,
        "size_bytes": 1_000_000,
        "threads": 1,
        "p90_ms": p50_ms,
        "valid": True,
    }
    name = {"model": model, "form": form, "target": "tflite", "precision": precision}
    return Timed(p50_ms=p50_ms, **name | plain | others)


def refused(model: str, form: GraphForm, precision: str) -> Refused:
    """A TFLite file that could not be built."""
    return Refused(
        model=model,
        form=form,
        target="tflite",
        precision=precision,
        size=(224, 224),
        error="no",
    )

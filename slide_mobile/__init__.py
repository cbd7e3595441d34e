"""Slide-Transformer vision models on phones: convert, check, benchmark.

The names below are loaded on first use, so that `import slide_mobile` costs nothing and never
imports torch or a mobile toolchain by itself.
"""

import importlib
from typing import TYPE_CHECKING

__version__ = "0.2.0"

if TYPE_CHECKING:
    from slide_mobile.agreement import Agreement as Agreement
    from slide_mobile.artifact import Artifact as Artifact
    from slide_mobile.artifact import Graph as Graph
    from slide_mobile.artifact import Manifest as Manifest
    from slide_mobile.errors import GateFailed as GateFailed
    from slide_mobile.errors import SlideMobileError as SlideMobileError
    from slide_mobile.errors import ToolchainMissing as ToolchainMissing
    from slide_mobile.errors import UsageError as UsageError
    from slide_mobile.models import create as create
    from slide_mobile.parity import ParityReport as ParityReport
    from slide_mobile.pipeline import check as check
    from slide_mobile.pipeline import compare as compare
    from slide_mobile.pipeline import convert as convert
    from slide_mobile.pipeline import inspect as inspect
    from slide_mobile.preprocess import Normalization as Normalization
    from slide_mobile.verdict import Check as Check

_HOMES = {
    "Agreement": "agreement",
    "Artifact": "artifact",
    "Check": "verdict",
    "GateFailed": "errors",
    "Graph": "artifact",
    "Manifest": "artifact",
    "Normalization": "preprocess",
    "ParityReport": "parity",
    "SlideMobileError": "errors",
    "ToolchainMissing": "errors",
    "UsageError": "errors",
    "check": "pipeline",
    "compare": "pipeline",
    "convert": "pipeline",
    "create": "models",
    "inspect": "pipeline",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> object:
    """Load a public name from its home (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'slide_mobile' has no attribute {name!r}")
    return getattr(importlib.import_module(f"slide_mobile.{_HOMES[name]}"), name)

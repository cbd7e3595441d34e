"""Reference models, by name: the paper's operators with the official state dict."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from slide_mobile.models.catalogue import Paper as Paper
    from slide_mobile.models.registry import Spec as Spec
    from slide_mobile.models.registry import create as create
    from slide_mobile.models.registry import names as names
    from slide_mobile.models.registry import spec as spec

_HOMES = {
    "Paper": "catalogue",
    "Spec": "registry",
    "create": "registry",
    "names": "registry",
    "spec": "registry",
}


def __getattr__(name: str) -> object:
    """Load a public name on first use (PEP 562): models need torch, their catalogue does not."""
    if name not in _HOMES:
        raise AttributeError(f"module 'slide_mobile.models' has no attribute {name!r}")
    return getattr(importlib.import_module(f"slide_mobile.models.{_HOMES[name]}"), name)

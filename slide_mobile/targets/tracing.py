"""Trace graphs without bookkeeping: exporters trace a graph anew for every pass.

ExecuTorch traces each graph some seventy times, litert-torch some ten. A third of the time went
into bookkeeping that nothing reads afterwards (CPU seconds of one conversion of slide_swin_test at
64x96, torch 2.13: ExecuTorch int8 69 -> 49, fp32 48 -> 31; LiteRT fp32 33 -> 23; Core ML 14 -> 10):

- stack traces of Python, one for each operation; torch has a switch for them;
- the origin of each node, copied deeply at each tracing, though it is never changed and grows with
  each one, so that the time is quadratic in the number of passes;
- looking up all of PyTorch's composite operators by name, once for each decomposition;
- garbage collection among millions of objects that stay.

The bytes of the files are the same (tests/converters/test_lean_tracing.py).
"""

import contextlib
import gc
from collections.abc import Callable, Iterator

import torch
import torch._export.utils as export_utils
import torch.fx.config
from torch.fx.traceback import NodeSource

# Objects made between two collections; Python's own is 700.
_PATIENCE = (100_000, 50, 50)


@contextlib.contextmanager
def lean_tracing() -> Iterator[None]:
    """Trace, decompose and lower graphs without bookkeeping, while one conversion runs.

    It changes settings of the process, and restores them.
    """
    before = gc.get_threshold()
    with (
        _setting(torch.fx.config, "do_not_emit_stack_traces", True),
        _setting(NodeSource, "__deepcopy__", lambda source, memo: source),
        _setting(export_utils, "_materialize_cpp_cia_ops", _only_new_operators()),
    ):
        gc.set_threshold(*_PATIENCE)
        try:
            yield
        finally:
            gc.set_threshold(*before)


@contextlib.contextmanager
def _setting(owner: object, name: str, value: object) -> Iterator[None]:
    """Set an attribute, and restore or delete it."""
    missing = object()
    before = vars(owner).get(name, missing)
    setattr(owner, name, value)
    try:
        yield
    finally:
        if before is missing:
            delattr(owner, name)
        else:
            setattr(owner, name, before)


def _only_new_operators() -> Callable[[], None]:
    """PyTorch's function, called only where operators were registered since the last call."""
    materialize = export_utils._materialize_cpp_cia_ops  # no public way
    known: set[str] = set()

    def materialize_new() -> None:
        found = torch._C._dispatch_get_registrations_for_dispatch_key("CompositeImplicitAutograd")
        if not known.issuperset(found):
            materialize()
            known.update(found)

    return materialize_new

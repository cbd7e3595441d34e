"""A function in a process of its own."""

import os
from concurrent.futures.process import BrokenProcessPool

from benchmarks.lib.isolation import ROOT, alone, one_line


def test_a_process_that_dies_is_an_exception() -> None:
    assert isinstance(alone(os._exit, 3).exception(), BrokenProcessPool)


def test_an_error_is_one_line_without_the_path_of_the_checkout() -> None:
    error = OSError(f"cannot read\n  {ROOT}/README.md: " + "x" * 400)
    line = one_line(error)
    assert line.startswith("OSError: cannot read README.md: x")
    assert len(line) == len("OSError: ") + 300

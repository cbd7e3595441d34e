"""What a toolchain prints through Python is dropped, and nothing is changed for good."""

import logging
import sys
import warnings

import pytest

from slide_mobile.targets.quiet import quiet


def noise() -> None:
    """What toolchains do when they are imported or called."""
    print("stage 1 of 3")
    print("50 %", file=sys.stderr)
    warnings.warn("torch is too new", stacklevel=1)
    logging.getLogger("toolchain").warning("no CUDA")


def test_prints_warnings_and_logs_are_dropped(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with quiet():
        noise()
    assert capfd.readouterr() == ("", "") and caplog.records == []


def test_streams_loggers_and_filters_are_restored_after_an_exception() -> None:
    before = sys.stdout, sys.stderr, logging.root.manager.disable, list(warnings.filters)
    with pytest.raises(ValueError, match="passes"), quiet():
        raise ValueError("passes")
    assert before == (sys.stdout, sys.stderr, logging.root.manager.disable, warnings.filters)


def test_errors_are_still_logged(caplog: pytest.LogCaptureFixture) -> None:
    with quiet():
        logging.getLogger("toolchain").error("out of memory")
    assert [record.message for record in caplog.records] == ["out of memory"]

"""What every case must hold, whatever it is given."""

import json
import re
import resource
import signal
from collections.abc import Iterator

from case import Case, Ended

EXIT_CODES = {0, 1, 2, 3, 129, 130, 141, 143}
MOST_CHARACTERS = 320  # of a line of error: 300, and what is before it
MOST_MORE_BYTES = 2 << 30  # of memory, over a plain run's
_COLORED = ("FORCE_COLOR", "CLICOLOR_FORCE", "TTY_COMPATIBLE")  # a user asks for colors
_COLOR = re.compile(r"\x1b\[[\d;]*m")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def problems(
    case: Case, ended: Ended, out: bytes, err: bytes, changed: list[str], plain_bytes: int
) -> Iterator[str]:
    """What is wrong with the end of a case, one line each."""
    killed = case.ending is not None and case.ending[0] == signal.SIGKILL
    # A process handles SIGTERM and SIGHUP once its command has begun: a new one after Python has
    # started, and one that was forked after some milliseconds.
    by_signal = case.ending is not None and ended.status == -case.ending[0]
    too_early = case.real or (case.ending is not None and case.ending[1] < 0.1)
    if ended.hung:
        yield f"it hung for more than {case.most_seconds:.0f} s"
    elif ended.status not in EXIT_CODES and not (by_signal and (killed or too_early)):
        yield f"its exit status is {ended.status}"
    if ended.left and not killed and not ended.hung:
        yield f"{ended.left} processes are left"
    if ended.peak_bytes > plain_bytes + MOST_MORE_BYTES:
        yield f"its peak is {ended.peak_bytes >> 20} MB, a plain run's {plain_bytes >> 20}"
    yield from changed if not killed else [x for x in changed if not x.startswith("made tmp/")]
    if not case.streams and resource.RLIMIT_FSIZE not in case.limits:  # streams are files, too
        yield from _text(case, ended, out, err)


def _text(case: Case, ended: Ended, out: bytes, err: bytes) -> Iterator[str]:
    """What is wrong with what it printed."""
    said, printed = err.decode(errors="replace"), out.decode(errors="replace")
    if any(case.environment.get(name) for name in _COLORED):
        said, printed = _COLOR.sub("", said), _COLOR.sub("", printed)
    lines = said.splitlines()
    if "Traceback" in said or 'File "' in said:
        yield "it printed a traceback"
    if "internal error" in said:
        yield f"an internal error: {said[:300]}"
    if lines and max(map(len, lines)) > MOST_CHARACTERS:
        yield f"a line of {max(map(len, lines))} characters"
    if found := _CONTROL.search(said) or _CONTROL.search(printed):
        yield f"it printed the control character {found[0]!r}"
    errors = [line for line in lines if line.startswith("error: ")]
    # A command that goes on after a wrong item says so for each item.
    if ended.status in (2, 3) and not errors and "--help" not in case.words and case.words:
        yield f"exit code {ended.status} without a line of error: {said[:200]!r}"
    if ended.status == 0 and errors:
        yield f"exit code 0 with an error: {errors[0]}"
    if others := [line for line in lines if line not in errors]:
        yield f"a line that is no error: {others[0]!r}"
    if "--json" in case.words and ended.status in (0, 1, 2, 3) and "--help" not in case.words:
        try:
            json.loads(printed)
        except ValueError:
            yield f"no JSON on standard output: {printed[:100]!r}"

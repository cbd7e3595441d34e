"""Time limits for subprocesses, which scale with the speed and the load of the machine."""

import hashlib
import os
import time

# Multiplies every limit, for a machine that becomes much slower while a test runs.
VARIABLE = "SLIDE_MOBILE_APPS_PATIENCE"

ROUNDS = 400_000
ROUNDS_SECONDS = 0.1  # of one core of 2.9 GHz that nobody else uses


def limit(usual_seconds: float) -> float:
    """Return the seconds after which a command counts as hung.

    `usual_seconds` is the time that it takes on an idle machine. The limit is ten times the time
    that it should take at the present speed of this machine, and at least five minutes.
    """
    slowness = max(1.0, _seconds_of_fixed_work() / ROUNDS_SECONDS)
    return max(300.0, 10 * usual_seconds * slowness) * float(os.environ.get(VARIABLE, "1"))


def _seconds_of_fixed_work() -> float:
    begin = time.monotonic()
    hashlib.pbkdf2_hmac("sha256", b"", b"", ROUNDS)
    return time.monotonic() - begin

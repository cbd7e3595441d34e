"""How long a subprocess may take: limits that scale with the machine and with who else uses it."""

import hashlib
import os
import time

# What every limit is multiplied by, for a machine that gets slower while a test runs.
VARIABLE = "SLIDE_MOBILE_APPS_PATIENCE"

ROUNDS = 400_000
ROUNDS_SECONDS = 0.1  # of one core of 2.9 GHz that nobody else uses


def limit(usual_seconds: float) -> float:
    """Seconds after which a command counts as hung, where an idle machine needs `usual_seconds`.

    Ten times as long as it should take at the speed that this machine has now, and five minutes at
    least.
    """
    slowness = max(1.0, _seconds_of_fixed_work() / ROUNDS_SECONDS)
    return max(300.0, 10 * usual_seconds * slowness) * float(os.environ.get(VARIABLE, "1"))


def _seconds_of_fixed_work() -> float:
    begin = time.monotonic()
    hashlib.pbkdf2_hmac("sha256", b"", b"", ROUNDS)
    return time.monotonic() - begin

"""What `bench` and its measuring processes tell each other: one JSON object a line.

The first line of the process's standard input is the request, the second tells it to begin. Paths
are bytes (base64 in JSON), because a folder's name need not be UTF-8.
"""

from msgspec import Struct, json

from slide_mobile.bench.result import Operation
from slide_mobile.errors import SlideMobileError


class TimingRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="time"):
    """Load the numbered artifacts in this order, and time them in turn.

    Each gets at least `turns` turns and `seconds` seconds. The first one finds a fresh process.
    """

    artifacts: tuple[tuple[int, bytes], ...]
    threads: int
    warm_up: int
    turns: int
    seconds: float
    seed: int


class ProfileRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="profile"):
    """Tell where the time of one artifact goes."""

    artifact: bytes
    threads: int


Request = TimingRequest | ProfileRequest


class Started(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="started"):
    """The process has imported what it needs, and waits; `amx`: its kernels may use AMX."""

    amx: bool


class Loading(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="loading"):
    """The artifact that comes next: if the process dies now, this artifact killed it."""

    number: int


class NotLoaded(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="not-loaded"):
    """The artifact cannot be measured, for this reason."""

    number: int
    error: str
    exit_code: int


class Loaded(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="loaded"):
    """The artifact is loaded and warm.

    `first_ms` and `warm_ms` are None if nothing here runs it. `fresh` means that it was the first
    to be loaded, so that the load time, the first inference and the memory count.
    """

    number: int
    runtime: str
    suite: tuple[str, str]  # the runtime's name alone, and its version
    fresh: bool
    load_ms: float
    first_ms: float | None = None
    warm_ms: float | None = None
    base_rss_bytes: int | None = None
    peak_rss_bytes: int | None = None


class AllLoaded(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="all-loaded"):
    """The timing begins."""


class Timed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="timed"):
    """Milliseconds by artifact and turn, and what happened on the machine meanwhile.

    `cpu_turns` are the same runs in CPU time of this process. Seconds of the clock (`wall`), of
    this process (`cpu`), of other processes (`others`) and of a hypervisor's other guests
    (`stolen`); `throttled` counts thermal slowdowns. None: not known.
    """

    turns: dict[int, tuple[tuple[float, ...], ...]]
    cpu_turns: dict[int, tuple[tuple[float, ...], ...]] | None = None
    wall: float
    cpu: float
    others: float | None = None
    stolen: float | None = None
    throttled: int | None = None


class Profiled(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="profiled"):
    """Where the time goes; without operations, `why_no_operations` says why."""

    operations: tuple[Operation, ...] | None = None
    why_no_operations: str | None = None


Reply = Started | Loading | NotLoaded | Loaded | AllLoaded | Timed | Profiled


def encode(message: Request | Reply) -> bytes:
    """Write a message as one line."""
    return json.encode(message) + b"\n"


def decode_request(line: bytes) -> Request:
    """Read a request; raises msgspec.ValidationError for anything else."""
    return json.decode(line, type=Request)


def decode_reply(line: bytes) -> Reply:
    """Read a reply; raises msgspec.ValidationError for anything else."""
    return json.decode(line, type=Reply)


def text(error: SlideMobileError) -> str:
    """The error's line; of a path that is not UTF-8, the odd bytes are escaped."""
    return str(error).encode("utf-8", "backslashreplace").decode("utf-8")

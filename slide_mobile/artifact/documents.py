"""JSON documents: every document is read and written by this module.

A document is a frozen `msgspec.Struct`, and its class is its schema: `schema` writes the published
`*.schema.json` files, and a test checks that they match the classes. Numbers are finite and bounded
by their types, so no other code has to handle 1e999 or a shape of 10^30.
"""

import json
import math
from typing import Annotated, NoReturn, TypeVar

import msgspec
from msgspec import Meta

from slide_mobile.errors import SlideMobileError

# Size limit of a document. A large bench document has a few megabytes, and a manifest of 100,000
# classes has 24. To read so much takes some seconds and a gigabyte of memory.
MOST_BYTES = 1 << 25
MOST_PLACE = 80  # characters of the place in an error
MOST = (1 << 53) - 1  # the largest integer that every JSON reader represents exactly

Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$", max_length=64)]  # no line end after it
Text = Annotated[str, Meta(max_length=100_000)]
Name = Annotated[str, Meta(min_length=1, max_length=4_096)]
Count = Annotated[int, Meta(ge=0, le=MOST)]
Positive = Annotated[int, Meta(ge=1, le=MOST)]
Side = Annotated[int, Meta(ge=1, le=1 << 14)]  # side of an image or a feature map, in pixels
Finite = Annotated[float, Meta(ge=-1e300, le=1e300)]
NonNegative = Annotated[float, Meta(ge=0, le=1e300)]
Decibels = Annotated[float, Meta(ge=-200, le=200)]
Fraction = Annotated[float, Meta(ge=0, le=1)]
Milliseconds = Annotated[float, Meta(ge=0, le=1e9)]
# A path inside the folder: no segment is hidden or leads out of the folder. The last part of the
# pattern is there because Python's $ also matches before a final newline.
_SEGMENT = "[A-Za-z0-9_][A-Za-z0-9_.-]*"
FilePath = Annotated[str, Meta(pattern=rf"^{_SEGMENT}(/{_SEGMENT})*$(?!\n)", max_length=512)]
Rgb = tuple[Finite, Finite, Finite]

T = TypeVar("T")


class DocumentError(ValueError):
    """The bytes are not JSON, or not a document of this class; the message says where."""


class _Versioned(msgspec.Struct, frozen=True):
    """Any document with a version."""

    schema_version: int


def decode(data: bytes, kind: type[T]) -> T:
    """Read a document of this class; raises DocumentError.

    Refuses JSON that other readers may understand differently: a key that occurs twice in an
    object, NaN, Infinity, and numbers that do not fit into a double or a 64-bit integer.
    """
    return convert(_plain(data), kind)


def convert(plain: object, kind: type[T]) -> T:
    """Convert dictionaries and lists, such as those of a TOML file, to a document.

    Raises DocumentError.
    """
    try:
        return msgspec.convert(plain, kind, strict=True)
    except msgspec.ValidationError as error:
        raise DocumentError(_placed(str(error))) from error
    except UnicodeEncodeError as error:  # half of a character, where a text is not expected
        raise DocumentError("it has half of a character") from error


def version(data: bytes) -> int | None:
    """Read the `schema_version` of a document of any class; None where it has none.

    Raises DocumentError for bytes that are not JSON.
    """
    plain = _plain(data)
    try:
        return convert(plain, _Versioned).schema_version
    except DocumentError:
        return None


def _plain(data: bytes) -> object:
    """Read any JSON into dictionaries and lists, as strictly as `decode`; raises DocumentError."""
    if len(data) > MOST_BYTES:
        raise DocumentError(f"it has {len(data)} bytes, more than {MOST_BYTES}")
    try:
        return json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_once,
            parse_constant=_refuse,
            parse_float=_finite,
            parse_int=_whole,
        )
    except RecursionError as error:
        raise DocumentError("it is nested too deeply") from error
    except UnicodeDecodeError as error:
        raise DocumentError("it is not UTF-8 text") from error
    except json.JSONDecodeError as error:
        raise DocumentError(f"it is not JSON ({error})") from error


def encode(document: object) -> bytes:
    """Write a document as UTF-8, indented by two spaces, with a final newline.

    Raises ValueError for NaN and infinity.
    """
    plain = msgspec.to_builtins(document)
    text = json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    # Text may have a path that is not UTF-8; its bytes become JSON escapes.
    return text.encode("utf-8", "backslashreplace")


def schema(kind: type[msgspec.Struct], title: str) -> bytes:
    """Return the JSON Schema (2020-12) of a document class, as the contents of its file."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title}
    return encode(head | msgspec.json.schema(kind))


def shortened(error: SlideMobileError | ValueError, most: int = 200) -> str:
    """Return the message of an error as one line of at most `most` characters."""
    line = " ".join(str(error).split())
    return line if len(line) <= most else line[: most - 3] + "..."


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Build an object; raises DocumentError for a key that occurs twice."""
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found:
            raise DocumentError(f"the key {name[:80]!r} occurs twice in one object")
        found[name] = value
    return found


def _refuse(name: str) -> NoReturn:
    """Raise DocumentError for NaN or Infinity."""
    raise DocumentError(f"{name} is not a JSON number")


def _finite(text: str) -> float:
    """Read a number; raises DocumentError if it overflows a double."""
    number = float(text)
    if not math.isfinite(number):
        raise DocumentError(f"the number {text[:40]} is out of range")
    return number


def _whole(text: str) -> int:
    """Read an integer; raises DocumentError if it does not fit into 64 bits."""
    if len(text) > 20 or not -(1 << 63) <= int(text) < 1 << 64:
        raise DocumentError(f"the number {text[:20]}... is out of range")
    return int(text)


def _placed(text: str) -> str:
    """Move the place to the front of msgspec's text: "input.shape[0]: expected `int` <= 16384"."""
    what, found, place = text.rpartition(" - at `")
    if not found:
        return text[:1].lower() + text[1:]
    where = place.removesuffix("`").removeprefix("key` in `").removeprefix("$").removeprefix(".")
    if len(where) > MOST_PLACE:  # the reason must not be pushed out of the line
        where = "..." + where[-MOST_PLACE:]
    return f"{where}: {what[:1].lower()}{what[1:]}"

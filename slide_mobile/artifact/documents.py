"""JSON documents: the one door through which JSON is read and written.

A document is a frozen `msgspec.Struct`. Its class is its schema: the files that the repository
publishes (`*.schema.json`) are written by `schema`, and a test holds them to the classes.
Numbers are finite and bounded by their type, so a reader never meets 1e999 or a shape of 10^30.
"""

import json
import math
from typing import Annotated, Any, NoReturn, TypeVar

import msgspec
from msgspec import Meta

from slide_mobile.errors import SlideMobileError

MOST_BYTES = 1 << 28  # of one document; a bench document of many long runs has a few megabytes
MOST_PLACE = 80  # characters of the place in an error
MOST = (1 << 53) - 1  # the largest whole number that every JSON reader keeps exactly

Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Text = Annotated[str, Meta(max_length=100_000)]
Name = Annotated[str, Meta(min_length=1, max_length=4_096)]
Count = Annotated[int, Meta(ge=0, le=MOST)]
Positive = Annotated[int, Meta(ge=1, le=MOST)]
Side = Annotated[int, Meta(ge=1, le=1 << 14)]  # of an image or a map, in pixels
Finite = Annotated[float, Meta(ge=-1e300, le=1e300)]
NonNegative = Annotated[float, Meta(ge=0, le=1e300)]
Decibels = Annotated[float, Meta(ge=-200, le=200)]
Fraction = Annotated[float, Meta(ge=0, le=1)]
Milliseconds = Annotated[float, Meta(ge=0, le=1e9)]

T = TypeVar("T")


class DocumentError(ValueError):
    """The bytes are not JSON, or not a document of that class; the text says where."""


def decode(data: bytes, kind: type[T]) -> T:
    """Read a document of a class; raises DocumentError.

    Refuses what readers disagree about: a key that stands twice in one object, NaN and Infinity,
    and numbers that no double or 64-bit integer holds.
    """
    return convert(load(data), kind)


def convert(plain: object, kind: type[T]) -> T:
    """Make a document of dictionaries and lists, such as those of a TOML file.

    Raises DocumentError.
    """
    try:
        return msgspec.convert(plain, kind, strict=True)
    except msgspec.ValidationError as error:
        raise DocumentError(_placed(str(error))) from error


def load(data: bytes) -> Any:
    """Read JSON of any shape, as `decode` does, into dictionaries and lists."""
    if len(data) > MOST_BYTES:
        raise DocumentError(f"it has {len(data)} bytes, {MOST_BYTES} are allowed")
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
    """Write a document: UTF-8, two spaces a level, a newline at the end; ValueError for NaN."""
    plain = msgspec.to_builtins(document)
    text = json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    # A path that is not UTF-8 becomes JSON's own escapes.
    return text.encode("utf-8", "backslashreplace")


def schema(kind: type[msgspec.Struct], title: str) -> dict[str, Any]:
    """Publish a document class as JSON Schema 2020-12."""
    found = json.loads(msgspec.json.encode(msgspec.json.schema(kind)))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **found}


def shortened(error: SlideMobileError | ValueError, most: int = 200) -> str:
    """The text of an error in one line of at most `most` characters."""
    line = " ".join(str(error).split())
    return line if len(line) <= most else line[: most - 3] + "..."


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise DocumentError(f"it names {twice[:80]!r} twice in one object")
    return found


def _refuse(name: str) -> NoReturn:
    raise DocumentError(f"{name} is not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise DocumentError(f"the number {text[:40]} is out of range")
    return number


def _whole(text: str) -> int:
    if len(text) > 20 or not -(1 << 63) <= int(text) < 1 << 64:
        raise DocumentError(f"the number {text[:20]}... is out of range")
    return int(text)


def _placed(text: str) -> str:
    """Put the place in front of msgspec's text: "input.shape[0]: expected `int` <= 16384"."""
    what, found, place = text.rpartition(" - at `")
    if not found:
        return text[:1].lower() + text[1:]
    where = place.removesuffix("`").removeprefix("$").removeprefix(".")
    if len(where) > MOST_PLACE:  # the reason must not be pushed out of the line
        where = "..." + where[-MOST_PLACE:]
    return f"{where}: {what[:1].lower()}{what[1:]}"

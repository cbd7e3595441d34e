"""Strategies that other strategies share: nasty values, damaged bytes, and damaged JSON."""

import json
import random
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

TEXTS = (
    "", " ", "\0", "a\0b", "\x1b[31mred\x1b[0m", "\x9b2J", "\r\n", "a\nb", "..",
    "../../outside/kept", "/etc/passwd", "/dev/zero", "/dev/full", "/proc/self/mem", "~", "-", "--",
    "$HOME", "%s%n", "{0}", "[red]x[/]", "[/]", "\ud800", "\u202egnp", "é" * 40, "a" * 256,
    "b" * 5000, "x/" * 500, "nan", "inf", "-1", "0", "1e400", "9" * 400,
    "true", "null", ".", "model.tflite", "*", "con",
)  # fmt: skip
NUMBERS = (
    0, -1, 1, 2, 3, 255, 256, 65536, 2**31 - 1, 2**31, -(2**31), 2**53 + 1, 2**63, 2**64,
    -(2**63) - 1, 10**30, 0.1, -0.0, 1e-320, 1e308, 1e38, float("inf"), float("nan"),
)  # fmt: skip
texts = st.sampled_from(TEXTS) | st.text(max_size=12)
numbers = st.sampled_from(NUMBERS) | st.integers(-300, 300)
scalars = st.none() | st.booleans() | numbers | texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
seeds = st.integers(0, 2**32 - 1)


def damaged(content: bytes, seed: int, *, edge: int = 1 << 16) -> bytes:
    """Bytes with one kind of damage: graphs are at the ends of a file, weights between them."""
    draw, data = random.Random(seed), bytearray(content)
    kind = draw.choice(("edits",) * 2 + ("words",) * 3 + ("cut", "longer", "moved", "zero"))
    size = len(data)
    if not size or kind == "longer":
        return bytes(data + draw.randbytes(draw.choice((1, 100, 10_000))))
    if kind == "cut":
        return bytes(data[: draw.choice((0, 1, 8, size // 2, size - 1, draw.randrange(size)))])
    if kind == "moved":
        a, b, n = draw.randrange(size), draw.randrange(size), draw.choice((4, 64, 1000))
        data[a : a + n] = data[b : b + n]
        return bytes(data)
    if kind == "zero":
        a = draw.randrange(size)
        n = min(draw.choice((16, 1000, size)), size - a)
        data[a : a + n] = bytes(n)
        return bytes(data)
    for _ in range(draw.choice((1, 1, 2, 4, 16))):
        near = draw.randrange(min(edge, size))
        at = draw.choice((near, size - 1 - near, draw.randrange(size)))
        if kind == "edits":
            data[at] = draw.choice((0, 1, 0x7F, 0x80, 0xFF, data[at] ^ (1 << draw.randrange(8))))
        else:  # flatbuffers align their fields to four bytes
            at -= at % 4
            word = draw.choice(
                (b"\0\0\0\0", b"\1\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\x80",
                 b"\0\0\xc0\x7f", b"\0\0\x80\x7f", b"\x99v\x96~", b"\0\0\0\1", draw.randbytes(4))
            )  # fmt: skip
            data[at : at + 4] = word[: max(0, size - at)]
    return bytes(data)


def damaged_json(document: Any, seed: int, value: Any) -> bytes:
    """A document with one value replaced, removed, added, doubled or buried, as text."""
    draw = random.Random(seed)
    document = json.loads(json.dumps(document))
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        document = _changed(document, draw, value)
    try:
        text = json.dumps(document, indent=draw.choice((None, 2)), ensure_ascii=draw.random() < 0.5)
        content = text.encode(errors="surrogatepass")
    except (ValueError, RecursionError):
        content = b"[" * 100_000
    odd = draw.random()
    if odd < 0.08:
        return damaged(content, seed)
    if odd < 0.12:
        odd_value = draw.choice((b"[" * 50_000, b"1" * 6000, b"NaN "))
        return content.replace(b'": ', b'": ' + odd_value, 1)
    if odd < 0.15:
        head, _, rest = content.partition(b"{")
        return head + b"{" + rest.partition(b",")[0] + b"," + rest  # the first key, twice
    return content


def _changed(document: Any, draw: random.Random, value: Any) -> Any:
    """One edit, at any depth."""
    if not isinstance(document, dict | list) or not document:
        return value
    keys = list(document) if isinstance(document, dict) else list(range(len(document)))
    key = draw.choice(keys)
    if isinstance(document[key], dict | list) and document[key] and draw.random() < 0.75:
        document[key] = _changed(document[key], draw, value)
        return document
    match draw.choice(("put", "put", "put", "delete", "add", "swap", "many", "nest")):
        case "put":
            document[key] = value
        case "delete":
            del document[key]
        case "add" if isinstance(document, dict):
            document[str(value)[:300]] = document[key]
        case "add":
            document.append(document[key])
        case "swap":
            other = draw.choice(keys)
            document[key], document[other] = document[other], document[key]
        case "many":
            document[key] = [document[key]] * draw.choice((2, 1000, 100_000))
        case "nest":
            for _ in range(draw.choice((1, 40, 400))):
                document[key] = [document[key]]
    return document


def pick(mapping: Mapping[str, Any], seed: int) -> Any:
    """One of the values."""
    return mapping[random.Random(seed).choice(sorted(mapping))]

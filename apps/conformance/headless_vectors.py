"""What a script may ask of both apps without anyone at the screen: an address, or extras."""

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]


def headless() -> Json:
    """Give what both apps understand and refuse: `understood` and `refused`."""
    usual = {
        "artifacts": [], "accelerator": None, "threads": None, "warmup": 5, "runs": 50,
        "seconds": 3.0, "sustained": False, "ab": False, "verify": False,
        "out": "measurement.json", "wait": 120.0, "session": None, "precision": None,
    }  # fmt: skip
    return {
        "understood": [{"asked": asked, **usual, **means} for asked, means in _understood()],
        "refused": [{"asked": [asked], "why": why, "out": out} for asked, why, out in _refused()],
    }


def _understood() -> Iterator[tuple[list[tuple[str, str]], Json]]:
    """Names and texts, and the part of the request that differs from the usual one."""
    yield [], {}
    yield [("artifact", "a")], {"artifacts": ["a"]}
    two = [("artifact", "a-tflite-int8"), ("artifact", "b.c+d")]
    yield two, {"artifacts": ["a-tflite-int8", "b.c+d"]}
    yield [*two, ("ab", "1")], {"artifacts": ["a-tflite-int8", "b.c+d"], "ab": True}
    yield [("ab", "0"), ("verify", "0")], {}
    yield [*two, ("ab", "1"), ("session", "10")], {
        "artifacts": ["a-tflite-int8", "b.c+d"], "ab": True, "session": 10,
    }  # fmt: skip
    yield [("accelerator", "gpu"), ("precision", "fp32"), ("wait", "0")], {
        "accelerator": "gpu", "precision": "fp32", "wait": 0.0,
    }  # fmt: skip
    yield [("verify", "1"), ("out", "my run.json")], {"verify": True, "out": "my run.json"}
    yield [("accelerator", "gpu"), ("threads", "64")], {"accelerator": "gpu", "threads": 64}
    yield (
        [("warmup", "0"), ("runs", "1"), ("seconds", "0")],
        {"warmup": 0, "runs": 1, "seconds": 0.0},
    )
    yield [("runs", "1000000"), ("seconds", "2.5")], {"runs": 1_000_000, "seconds": 2.5}
    yield [("warmup", "10000"), ("seconds", "3.6e3")], {"warmup": 10_000, "seconds": 3600.0}
    # Instead of runs and seconds.
    sustained = {"runs": 1, "seconds": 60.0, "sustained": True}
    yield [("sustained", "60")], sustained
    yield [("sustained", "60.0"), ("runs", "500"), ("seconds", "5")], sustained


def _refused() -> Iterator[tuple[tuple[str, str], str, str | None]]:
    """Name and text, how the refusal begins, and the file of an earlier start that goes."""
    known = (
        "artifact, accelerator, precision, threads, warmup, runs, seconds, sustained, wait, ab, "
        "session, verify, out"
    )
    for name in ("acelerator", "Runs"):
        yield (name, "1"), f"{name} is not known, only {known}", "measurement.json"
    for name in ("artifact", "accelerator"):
        yield (name, ""), f"{name} is empty: name one, or leave it out", "measurement.json"
    numbers = (
        ("threads", "a whole number from 1 to 64", ("0", "65", "-1", "four")),
        ("warmup", "a whole number from 0 to 10000", ("-1", "10001")),
        ("runs", "a whole number from 1 to 1000000", ("0", "50.0", "1e3", " 9", "9" * 20)),
        ("seconds", "a number from 0 to 3600", ("-1", "3601", "nan", "inf", "Infinity", "1d", "")),
        ("sustained", "a number from 1 to 3600", ("0", "0.5", "1e999", "true")),
        ("wait", "a number from 0 to 3600", ("-1", "3601", "")),
        ("ab", "a whole number from 0 to 1", ("2", "true", "")),
        ("session", "a whole number from 1 to 99", ("0", "100", "1.0", "")),
        ("precision", "fp16 or fp32", ("", "half", "FP16")),
        ("verify", "a whole number from 0 to 1", ("-1", "yes")),
    )
    for name, what, texts in numbers:
        for text in texts:
            yield (name, text), f"{name}={text} is not {what}", "measurement.json"
    for text in ("", "x.txt", ".json", ".x.json", "../x.json", "a/b.json"):
        why = "is not a file name that ends in .json, with no / in it and no dot before it"
        yield ("out", text), f"out={text} {why}", None

"""Documents of several processes of an app become one, with the ratios of the host's protocol."""

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from slide_mobile.artifact.documents import decode, encode
from slide_mobile.bench import joining, statistics
from slide_mobile.bench.documents import BenchDocument

PHONE = Path(__file__).parents[2] / "apps/conformance/bench/valid/android.json"
RUNS = 60


def session(number: int, *, ratio: float = 1.25, noise: float = 0.01) -> dict[str, Any]:
    """What an app shares of one process: two artifacts in turns, one slower than the other."""
    draw = np.random.default_rng(number)
    plain = json.loads(PHONE.read_text())
    layout = draw.normal(0, 0.003, 2)
    results = []
    for place, slower in enumerate((1.0, ratio)):
        drawn = 5 * slower * np.exp(layout[place] + noise * np.abs(draw.normal(size=RUNS)))
        samples = drawn.tolist()
        results.append(
            plain["results"][0]
            | vars(statistics.summary(samples))
            | {
                "artifact": f"artifact-{place}", "samples_ms": samples, "runs": RUNS,
                "first_ms": 9.0 + number, "load_ms": 20.0 + number,
            }
        )  # fmt: skip
    first = (number - 1) % 2
    return plain | {
        "results": results, "ratios": [[1.0, None], [None, 1.0]],
        "session": {"number": number, "first_loaded": first},
    }  # fmt: skip


def read(*plain: dict[str, Any]) -> list[BenchDocument]:
    return [msgspec.convert(one, BenchDocument) for one in plain]


def test_ten_processes_give_a_ratio() -> None:
    (found,) = joining.joined(read(*(session(number) for number in range(1, 11))))
    assert found.ratios[1][0] == pytest.approx(1.25, rel=0.01)
    (pair,) = found.comparisons
    assert pair.valid and len(pair.clock.processes) == 10 and pair.cpu is None
    assert [result.runs for result in found.results] == [10 * RUNS] * 2
    # The document holds together: what was written can be read.
    assert decode(encode(found), BenchDocument) == found


def test_load_times_are_of_the_processes_that_loaded_it_first() -> None:
    (found,) = joining.joined(read(*(session(number) for number in (1, 2, 3, 4))))
    assert [result.load_ms for result in found.results] == [22.0, 23.0]


def test_fewer_processes_or_more_noise_give_none() -> None:
    (few,) = joining.joined(read(*(session(number) for number in range(1, 10))))
    assert few.ratios[1][0] is None
    assert few.comparisons[0].why_invalid[0] == "9 processes are fewer than 10"
    layouts = [session(n, ratio=1.0 + 0.2 * (n % 2)) for n in range(1, 11)]
    (noisy,) = joining.joined(read(*layouts))
    assert noisy.ratios[1][0] is None and "uncertain by" in noisy.comparisons[0].why_invalid[0]


def test_processes_that_differ_make_no_valid_latency() -> None:
    slow = session(2)
    for result in slow["results"]:
        result["samples_ms"] = [1.2 * ms for ms in result["samples_ms"]]
        result |= vars(statistics.summary(result["samples_ms"]))
    (found,) = joining.joined(read(session(1), slow))
    assert not found.results[0].valid
    assert any("processes differ" in reason for reason in found.results[0].why_invalid)


def test_other_phones_and_doubles_stay_as_they_are() -> None:
    other = session(2)
    other["environment"] |= {"device": "another"}
    lone = json.loads(PHONE.read_text())
    documents_ = read(session(1), other, lone, session(1))
    found = joining.joined(documents_)
    assert len(found) == 4 and all(one in documents_ for one in found)

"""Messages between `bench` and its processes: a line each, and nothing that is not one."""

import os

import msgspec
import pytest

from slide_mobile.bench import messages
from slide_mobile.bench.result import Operation

REPLIES = (
    messages.Started(amx=False),
    messages.Loading(number=1),
    messages.NotLoaded(number=1, error="two\nlines", exit_code=3),
    messages.Loaded(number=0, runtime="r 1", suite=("r", "1"), fresh=True, load_ms=1.5),
    messages.AllLoaded(),
    messages.Timed(turns={0: ((1.0, 2.0), (3.0, 4.0)), 12: ((5.0,), (6.0,))}, wall=1.0, cpu=0.9),
    messages.Timed(turns={0: ((1.0,),)}, cpu_turns={0: ((0.9,),)}, wall=1.0, cpu=0.9),
    messages.Profiled(operations=(Operation(name="CONV", module="a.b", microseconds=2.5),)),
)


@pytest.mark.parametrize("reply", REPLIES, ids=lambda r: type(r).__name__)
def test_a_reply_is_one_line_and_comes_back(reply: messages.Reply) -> None:
    line = messages.encode(reply)
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    assert messages.decode_reply(line) == reply


def test_a_request_names_folders_that_are_not_utf8() -> None:
    root = os.fsencode("/artifacts/\udcff")
    request = messages.TimingRequest(
        artifacts=((3, root),), threads=1, warm_up=5, turns=9, seconds=0.5, seed=2
    )
    assert messages.decode_request(messages.encode(request)) == request
    profile = messages.ProfileRequest(artifact=root, threads=1)
    assert messages.decode_request(messages.encode(profile)) == profile


@pytest.mark.parametrize("line", [b"{}", b'{"type":"timed"}', b'{"type":"loading","number":"1"}'])
def test_what_is_no_reply_is_refused(line: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        messages.decode_reply(line)

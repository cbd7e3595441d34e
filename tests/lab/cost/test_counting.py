"""The plugin's file, and the operations that it tells of."""

from collections import Counter

from slide_mobile.lab.cost import counting
from slide_mobile.lab.cost.counting import Traffic
from slide_mobile.lab.cost.operations import Event, operations

# Blocks 0 and 7 are the same code, translated twice. Two caches.
WRITTEN = """\
window 0 3 0
segment 1000 5 1 2 4 0 1
0 2
3 1
segment 1010 1 0 0 1 0 0
7 10
segment 1050 0 0 0 0 0 0
3 4
segment 1055 0 0 0 0 0 0
block 0 2 aabb
block 3 1 cc
block 7 2 aabb
"""
A, B = b"\xaa\xbb", b"\xcc"


def test_executions_are_counted_by_code() -> None:
    first, second, *_ = counting.read(WRITTEN.splitlines())
    assert first.blocks == Counter({A: 2, B: 1}) and first.instructions == 5
    assert second.blocks == Counter({A: 10}) and second.instructions == 20
    assert first.windows == ((A, B, A),) and second.windows == ()
    assert first.traffic == (
        Traffic(fills=5, claims=1, write_backs=2),
        Traffic(fills=4, claims=0, write_backs=1),
    )


def test_an_operation_has_what_its_segments_ran() -> None:
    segments = counting.read(WRITTEN.splitlines())
    told = [Event(name="Copy", microseconds=50), Event(name="Add", microseconds=5)]
    copy, add = operations(told, segments)
    assert copy.name == "Copy" and copy.blocks == Counter({A: 12, B: 1})
    assert copy.instructions == 25 and copy.windows == ((A, B, A),)
    assert copy.traffic[0] == Traffic(fills=6, claims=1, write_backs=2)
    assert add.name == "Add" and add.blocks == Counter({B: 4})

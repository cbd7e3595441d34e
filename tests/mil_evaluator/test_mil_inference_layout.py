"""Shape and indexing rules against MIL's value inference."""

from typing import Any

import numpy as np
import pytest
from cases import Case, Draw, ids
from one_operation import Arrays, assert_same, inferred, run

draw = Draw(8)
floats, ints = draw.floats, draw.ints

SHAPES: list[Case] = [
    ("reshape", {"x": floats(2, 3, 4)}, {"shape": [6, 4]}),
    ("reshape", {"x": floats(2, 3, 4)}, {"shape": [-1, 2]}),
    ("reshape", {"x": floats(2, 3, 4)}, {"shape": [0, -1, 0]}),
    ("reshape", {"x": floats(2, 50)}, {"shape": [1, 0, -1, 0]}),
    ("reshape", {"x": floats(2, 3, 4)}, {"shape": [0, 0, -1], "target": "iOS15"}),
    ("expand_dims", {"x": floats(3, 4)}, {"axes": [0, -1]}),
    ("expand_dims", {"x": floats(3, 4)}, {"axes": [1, 2]}),
    ("squeeze", {"x": floats(1, 3, 1, 4)}, {}),
    ("squeeze", {"x": floats(1, 3, 1, 4)}, {"axes": [-2]}),
    ("transpose", {"x": floats(2, 3, 4)}, {"perm": [2, 0, 1]}),
    ("transpose", {"x": floats(2, 3, 4)}, {"perm": [-1, 0, -2]}),
    *(("flatten2d", {"x": floats(2, 3, 4)}, {"axis": axis}) for axis in (1, 2, -1, -2)),
    ("concat", {"values.0": floats(2, 3), "values.1": floats(2, 4)}, {"axis": 1}),
    ("concat", {"values.0": ints(2, 3), "values.1": ints(1, 3)}, {"axis": -2}),
    ("stack", {"values.0": floats(2, 3), "values.1": floats(2, 3)}, {"axis": -1}),
    ("stack", {"values.0": floats(2, 3), "values.1": floats(2, 3)}, {"axis": 1}),
    ("split", {"x": floats(2, 6)}, {"num_splits": 3, "axis": 1}),
    ("split", {"x": floats(2, 6)}, {"split_sizes": [1, 3, 2], "axis": -1}),
    ("tile", {"x": floats(2, 3)}, {"reps": [2, 3]}),
    ("reverse", {"x": floats(2, 3, 4)}, {"axes": [0, -1]}),
    ("reverse", {"x": floats(2, 3, 4)}, {}),
    ("pad", {"x": floats(2, 3, 4)}, {"pad": [1, 2, 3, 0], "constant_val": 1.5}),
    ("pad", {"x": floats(2, 3, 4)}, {"pad": [0, 1, 1, 2, 3, 0], "mode": "replicate"}),
    ("pad", {"x": floats(2, 3, 4)}, {"pad": [2, 1, 3, 2], "mode": "reflect"}),
    ("pad", {"x": floats(5)}, {"pad": [0, 4], "mode": "reflect"}),
    ("band_part", {"x": floats(2, 4, 5)}, {"lower": 1, "upper": 0}),
    ("band_part", {"x": floats(4, 5)}, {"lower": -1, "upper": 2}),
    ("band_part", {"x": ints(5, 4)}, {"lower": 0}),
    ("fill", {}, {"shape": [2, 3], "value": 1.5}),
    ("fill", {}, {"shape": [2, 3], "value": np.int32(4)}),
    ("fill_like", {"ref_tensor": floats(2, 3)}, {"value": np.int32(4)}),
    ("range_1d", {}, {"start": 2, "end": 11, "step": 3}),
    ("range_1d", {}, {"start": 1.0, "end": -0.5, "step": -0.25}),
    ("shape", {"x": floats(2, 3, 4)}, {}),
]

INDEXING: list[Case] = [
    ("slice_by_index", {"x": floats(5, 6)}, {"begin": [1, 2], "end": [4, 6]}),
    ("slice_by_index", {"x": floats(5, 6)}, {"begin": [-3, -5], "end": [-1, -1]}),
    ("slice_by_index", {"x": floats(5, 6)}, {"begin": [1, 0], "end": [5, 6], "stride": [2, 3]}),
    ("slice_by_index", {"x": floats(5, 6)}, {"begin": [4, 5], "end": [0, 1], "stride": [-1, -2]}),
    (
        "slice_by_index",
        {"x": floats(5, 6)},
        {
            "begin": [9, 1],
            "end": [3, 9],
            "begin_mask": [True, False],
            "end_mask": [False, True],
        },
    ),
    (
        "slice_by_index",
        {"x": floats(5, 6)},
        {
            "begin": [0, 0],
            "end": [0, 0],
            "stride": [-1, -2],
            "begin_mask": [True, True],
            "end_mask": [True, True],
        },
    ),
    (
        "slice_by_index",
        {"x": floats(5, 6, 7)},
        {"begin": [2, -1, 1], "end": [0, 0, 4], "squeeze_mask": [True, True, False]},
    ),
    (
        "slice_by_index",
        {"x": floats(5, 6)},
        {"begin": [2, 3], "end": [0, 0], "squeeze_mask": [True, True]},
    ),
    ("slice_by_index", {"x": floats(5, 6)}, {"begin": [1, 2], "end": [50, 60]}),
    ("slice_by_size", {"x": floats(5, 6)}, {"begin": [1, 2], "size": [3, -1]}),
    ("slice_by_size", {"x": floats(5, 6)}, {"begin": [-2, 0], "size": [2, 1]}),
    (
        "slice_update",
        {"x": floats(5, 6), "update": floats(2, 3)},
        {"begin": [1, 0], "end": [5, 6], "stride": [2, 2]},
    ),
    (
        "slice_update",
        {"x": floats(5, 6), "update": floats(3)},
        {
            "begin": [2, 5],
            "end": [0, 0],
            "stride": [1, -2],
            "end_mask": [False, True],
            "squeeze_mask": [True, False],
        },
    ),
    ("gather", {"x": floats(5, 6)}, {"indices": [3, 0, 3], "axis": 1}),
    ("gather", {"x": floats(5, 6)}, {"indices": [[3, 0], [1, 2]], "axis": -2}),
    ("gather", {"x": floats(5, 6)}, {"indices": np.int32(2), "axis": 0}),
    ("gather", {"x": floats(5, 6)}, {"indices": [-1, 2], "axis": 0, "target": "iOS16"}),
    (
        "gather",
        {"x": floats(2, 3, 4, 5), "indices": ints(2, 3, 7, low=0, high=3)},
        {"axis": 2, "batch_dims": 2},
    ),
    (
        "gather",
        {"x": floats(2, 4, 5), "indices": ints(2, 3, low=0, high=4)},
        {"axis": 2, "batch_dims": 1},
    ),
    ("gather_along_axis", {"x": floats(3, 5), "indices": ints(3, 2, low=0, high=4)}, {"axis": 1}),
    ("gather_along_axis", {"x": floats(3, 5), "indices": ints(4, 5, low=0, high=2)}, {"axis": 0}),
    (
        "scatter_along_axis",
        {"data": floats(3, 5), "updates": floats(3, 2)},
        {"indices": [[0, 3], [4, 1], [2, 0]], "axis": -1, "mode": "update"},
    ),
    ("non_zero", {"x": ints(3, 4, low=0, high=1)}, {}),
]

CASES = [*SHAPES, *INDEXING]


@pytest.mark.parametrize(("kind", "fed", "attributes"), CASES, ids=ids(CASES))
def test_a_rule_computes_what_mil_infers(
    kind: str, fed: Arrays, attributes: dict[str, Any]
) -> None:
    assert_same(run(kind, fed, **attributes), inferred(kind, fed, **attributes))

"""Every rule whose operation MIL can compute itself, against MIL's value inference."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from one_operation import Arrays, assert_same, inferred, run

Case = tuple[str, Arrays, dict[str, Any]]

draw = np.random.default_rng(7)


def floats(*shape: int, low: float = -3.0, high: float = 3.0) -> NDArray[np.float32]:
    return draw.uniform(low, high, shape).astype(np.float32)


def ints(*shape: int, low: int = -5, high: int = 5) -> NDArray[np.int32]:
    return draw.integers(low, high, shape, endpoint=True).astype(np.int32)


def bools(*shape: int) -> NDArray[np.bool_]:
    return draw.random(shape) < 0.5


ANYWHERE = (
    "abs ceil cos cosh erf exp exp2 floor identity relu relu6 round sigmoid sign sin sinh softplus "
    "softsign square tanh atan gelu softmax"
)
UNARY: list[Case] = [
    *((kind, {"x": floats(2, 3, 5)}, {}) for kind in ANYWHERE.split()),
    *((kind, {"x": floats(2, 3, low=-0.9, high=0.9)}, {}) for kind in ("acos", "asin", "atanh")),
    *((kind, {"x": floats(2, 3, low=0.1)}, {}) for kind in ("sqrt", "log", "rsqrt", "inverse")),
    ("tan", {"x": floats(7, low=-1.2, high=1.2)}, {}),
    ("round", {"x": np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5], np.float32)}, {}),
    ("log", {"x": floats(4, low=0.1)}, {"epsilon": 0.5}),
    ("rsqrt", {"x": floats(4, low=0.1)}, {"epsilon": 0.5}),
    ("inverse", {"x": floats(4, low=0.1)}, {"epsilon": 0.5}),
    ("logical_not", {"x": bools(3, 4)}, {}),
    ("abs", {"x": ints(3, 4)}, {}),
    ("sign", {"x": ints(3, 4)}, {}),
    ("square", {"x": ints(3, 4)}, {}),
    ("clip", {"x": floats(3, 4)}, {"alpha": -0.5, "beta": 1.25}),
    ("threshold", {"x": floats(3, 4)}, {"alpha": 0.25}),
    ("threshold", {"x": ints(3, 4)}, {"alpha": np.int32(2)}),
    ("clamped_relu", {"x": floats(3, 4)}, {"alpha": 0.3, "beta": 1.5}),
    ("clamped_relu", {"x": floats(3, 4)}, {"alpha": -2.0, "beta": 1.5}),
    ("elu", {"x": floats(3, 4)}, {"alpha": 0.7}),
    ("leaky_relu", {"x": floats(3, 4)}, {"alpha": 0.2}),
    ("linear_activation", {"x": floats(3, 4)}, {"alpha": 0.2, "beta": -0.4}),
    ("scaled_tanh", {"x": floats(3, 4)}, {"alpha": 1.7, "beta": 0.6}),
    ("sigmoid_hard", {"x": floats(3, 4)}, {"alpha": 0.3, "beta": 0.4}),
    ("thresholded_relu", {"x": floats(3, 4)}, {"alpha": 0.5}),
    ("prelu", {"x": floats(2, 3, 4, 5)}, {"alpha": floats(3)}),
    ("softplus_parametric", {"x": floats(2, 3, 4, 5)}, {"alpha": floats(3), "beta": floats(3)}),
    ("softmax", {"x": floats(2, 3, 5)}, {"axis": 1}),
    ("softmax", {"x": floats(2, 3, 5, low=500, high=900)}, {"axis": -3}),
    *(
        ("gelu", {"x": floats(50)}, {"mode": mode})
        for mode in ("EXACT", "TANH_APPROXIMATION", "SIGMOID_APPROXIMATION")
    ),
    ("cast", {"x": floats(9)}, {"dtype": "int32"}),
    ("cast", {"x": ints(9)}, {"dtype": "fp32"}),
    ("cast", {"x": ints(9, low=-1, high=1)}, {"dtype": "bool"}),
    ("cast", {"x": bools(9)}, {"dtype": "fp32"}),
    ("cast", {"x": ints(9, low=0, high=200)}, {"dtype": "uint8"}),
    ("cast", {"x": ints(9)}, {"dtype": "int8"}),
]

ARITHMETIC = "add sub mul maximum minimum mod floor_div real_div"
COMPARISON = "equal not_equal greater greater_equal less less_equal"
BINARY: list[Case] = [
    *(
        (kind, {"x": floats(2, 1, 5), "y": floats(3, 1)}, {})
        for kind in f"{ARITHMETIC} {COMPARISON}".split()
    ),
    *(
        (kind, {"x": ints(4, 5), "y": ints(5, low=1, high=4)}, {})
        for kind in f"add sub mul maximum minimum mod floor_div {COMPARISON}".split()
    ),
    ("pow", {"x": floats(3, 4, low=0.1), "y": floats(4)}, {}),
    ("pow", {"x": floats(3, 4), "y": np.array([2, 3, 1, 0], np.float32)}, {}),
    ("add", {"x": floats(3, 4)}, {"y": 2.5}),
    *(
        (kind, {"x": bools(4, 5), "y": bools(5)}, {})
        for kind in ("logical_and", "logical_or", "logical_xor")
    ),
    ("select", {"cond": bools(4, 1), "a": floats(4, 5), "b": floats(5)}, {}),
    ("select", {"cond": bools(4, 5), "a": ints(4, 5), "b": ints(4, 5)}, {}),
]

PRODUCTS: list[Case] = [
    ("linear", {"x": floats(2, 7, 5)}, {"weight": floats(4, 5), "bias": floats(4)}),
    ("linear", {"x": floats(7, 5)}, {"weight": floats(4, 5)}),
    ("matmul", {"x": floats(3, 4), "y": floats(2, 4, 5)}, {}),
    ("matmul", {"x": floats(2, 1, 4, 3), "y": floats(3, 4, 5)}, {"transpose_x": True}),
    ("matmul", {"x": floats(2, 3, 4), "y": floats(2, 5, 4)}, {"transpose_y": True}),
    ("matmul", {"x": floats(4), "y": floats(4, 5)}, {}),
    ("matmul", {"x": ints(3, 4), "y": ints(4, 2)}, {}),
    (
        "einsum",
        {"values.0": floats(2, 3, 4, 5), "values.1": floats(2, 5, 4, 6)},
        {"equation": "nchw,nwhu->nchu"},
    ),
    (
        "einsum",
        {"values.0": floats(2, 3, 1, 5), "values.1": floats(1, 5, 4, 6)},
        {"equation": "nchw,nwhu->nchu"},
    ),
    (
        "einsum",
        {"values.0": floats(3, 4, 5), "values.1": floats(5, 4, 6)},
        {"equation": "abc,cbd->abd"},
    ),
    (
        "scaled_dot_product_attention",
        {"query": floats(2, 3, 5, 4), "key": floats(2, 3, 7, 4), "value": floats(2, 3, 7, 6)},
        {},
    ),
    (
        "scaled_dot_product_attention",
        {
            "query": floats(2, 5, 4),
            "key": floats(2, 7, 4),
            "value": floats(2, 7, 6),
            "attn_mask": floats(5, 7),
        },
        {},
    ),
    (
        "scaled_dot_product_attention",
        {"query": floats(2, 5, 4), "key": floats(2, 7, 4), "value": floats(2, 7, 6)},
        {"attn_mask": np.tri(5, 7, 2, dtype=bool)},
    ),
]

NORMS: list[Case] = [
    ("layer_norm", {"x": floats(2, 3, 4)}, {"axes": [0, 1, 2]}),
    ("layer_norm", {"x": floats(2, 3, 5)}, {"axes": [-1], "gamma": floats(5), "beta": floats(5)}),
    (
        "layer_norm",
        {"x": floats(2, 3, 4, 5)},
        {"axes": [-3, 2], "gamma": floats(3, 4), "beta": floats(3, 4), "epsilon": 0.1},
    ),
    ("layer_norm", {"x": floats(2, 3, 4)}, {"axes": [1], "epsilon": 1e-3}),
    ("l2_norm", {"x": floats(3, 4, 5)}, {"epsilon": 0.5}),
    ("l2_norm", {"x": floats(2, 2, 3, 4, 5)}, {}),
]

SUMS = "l1_norm l2_norm log_sum log_sum_exp max mean min prod sum sum_square"
REDUCTIONS: list[Case] = [
    *(
        (f"reduce_{kind}", {"x": floats(2, 3, 4, low=0.2)}, attributes)
        for kind in SUMS.split()
        for attributes in (
            {},
            {"axes": [-1]},
            {"axes": [0, -1], "keep_dims": True},
            {"axes": [2, 1]},
        )
    ),
    *(
        (f"reduce_{kind}", {"x": ints(3, 4)}, {"axes": [1]})
        for kind in ("max", "min", "sum", "prod", "mean", "sum_square", "l1_norm")
    ),
    *(
        (kind, {"x": floats(3, 4, 5)}, attributes)
        for kind in ("reduce_argmax", "reduce_argmin")
        for attributes in ({}, {"axis": 1, "keep_dims": True}, {"axis": -3})
    ),
    ("reduce_argmax", {"x": floats(3, 4, 5)}, {"output_dtype": "uint16"}),
    ("cumsum", {"x": floats(3, 4, 5)}, {}),
    ("cumsum", {"x": floats(3, 4, 5)}, {"axis": -1, "reverse": True}),
    ("cumsum", {"x": ints(3, 4, 5)}, {"axis": 1}),
    ("argsort", {"x": floats(3, 7)}, {}),
    ("argsort", {"x": floats(5, 3)}, {"axis": 0, "ascending": True}),
    ("topk", {"x": floats(3, 7)}, {}),
    ("topk", {"x": floats(7, 3)}, {"k": 4, "axis": 0, "ascending": True}),
    ("topk", {"x": floats(3, 7)}, {"k": 2, "return_indices": False}),
    ("topk", {"x": floats(3, 7)}, {"k": 2, "output_indices_dtype": "uint16"}),
]

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

QUANTIZED: list[Case] = [
    ("quantize", {"input": floats(3, 4)}, {"scale": 0.02, "output_dtype": "int8"}),
    (
        "quantize",
        {"input": floats(3, 4)},
        {"scale": 0.02, "zero_point": np.uint8(100), "output_dtype": "uint8"},
    ),
    (
        "quantize",
        {"input": floats(2, 3, 4)},
        {
            "scale": np.array([0.02, 0.5, 0.01], np.float32),
            "zero_point": np.array([3, -7, 0], np.int8),
            "axis": -2,
            "output_dtype": "int8",
        },
    ),
    ("dequantize", {"input": ints(3, 4).astype(np.int8)}, {"scale": 0.25}),
    (
        "dequantize",
        {"input": ints(3, 4, low=0, high=9).astype(np.uint8)},
        {"scale": floats(4), "zero_point": np.array([3, 7, 0, 255], np.uint8), "axis": 1},
    ),
]

CASES = [*UNARY, *BINARY, *PRODUCTS, *NORMS, *REDUCTIONS, *SHAPES, *INDEXING, *QUANTIZED]


@pytest.mark.parametrize(
    ("kind", "fed", "attributes"), CASES, ids=[f"{i}-{case[0]}" for i, case in enumerate(CASES)]
)
def test_a_rule_computes_what_mil_infers(
    kind: str, fed: Arrays, attributes: dict[str, Any]
) -> None:
    assert_same(run(kind, fed, **attributes), inferred(kind, fed, **attributes))

"""Arithmetic rules against MIL's value inference."""

from typing import Any

import numpy as np
import pytest
from cases import Case, Draw, ids
from one_operation import Arrays, assert_same, inferred, run

draw = Draw(7)
floats, ints, bools = draw.floats, draw.ints, draw.bools

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

CASES = [*UNARY, *BINARY, *PRODUCTS, *NORMS, *REDUCTIONS, *QUANTIZED]


@pytest.mark.parametrize(("kind", "fed", "attributes"), CASES, ids=ids(CASES))
def test_a_rule_computes_what_mil_infers(
    kind: str, fed: Arrays, attributes: dict[str, Any]
) -> None:
    assert_same(run(kind, fed, **attributes), inferred(kind, fed, **attributes))

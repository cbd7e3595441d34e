"""What inspect says of an .onnx file, on graphs small enough to count by hand."""

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from slide_mobile.errors import ArtifactError
from slide_mobile_converters.onnx.graph import inspect
from slide_mobile_converters.onnx.quantization import to_float16, to_int8
from slide_mobile_converters.onnx.reading import content, read

# Multiply-adds of the net below, on an image of 16 channels, 8 by 6 pixels.
CONV = 8 * 6 * 32 * 16 * 3 * 3
DEPTHWISE = 8 * 6 * 32 * 3 * 3
POINTWISE = 8 * 6 * 16 * 32
HEAD = 16 * 20


def tensor(name: str, *shape: int) -> TensorProto:
    draw = np.random.default_rng(len(name))
    return numpy_helper.from_array(draw.standard_normal(shape).astype(np.float32) / 8, name)


def saved(nodes: list, weights: list[TensorProto], output: list[int], path: Path) -> Path:
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 16, 8, 6])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, output)],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.fixture
def net(tmp_path: Path) -> Path:
    nodes = [
        helper.make_node("Conv", ["image", "w1"], ["a"], "first", pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["a", "w2"], ["b"], "depthwise", pads=[1, 1, 1, 1], group=32),
        helper.make_node("Neg", ["b"], ["n"], "neg"),
        helper.make_node("Conv", ["n", "w3"], ["c"], "pointwise"),
        helper.make_node("GlobalAveragePool", ["c"], ["d"], "pool"),
        helper.make_node("Flatten", ["d"], ["e"], "flatten"),
        helper.make_node("Gemm", ["e", "w4"], ["logits"], "head", transB=1),
    ]
    weights = [
        tensor("w1", 32, 16, 3, 3),
        tensor("w2", 32, 1, 3, 3),
        tensor("w3", 16, 32, 1, 1),
        tensor("w4", 20, 16),
    ]
    return saved(nodes, weights, [1, 20], tmp_path / "net.onnx")


@pytest.fixture
def int8(net: Path, tmp_path: Path) -> Path:
    draw = np.random.default_rng(0)
    images = [draw.uniform(0, 1, (1, 16, 8, 6)).astype(np.float32) for _ in range(4)]
    model = to_int8(onnx.load(net), images)
    path = tmp_path / "int8.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def test_operations_are_counted_from_the_file(net: Path) -> None:
    graph = inspect(net)
    assert graph.ops == {"Conv": 3, "Flatten": 1, "Gemm": 1, "GlobalAveragePool": 1, "Neg": 1}
    assert graph.total_ops == 7 and graph.max_rank == 4
    assert (graph.partitions, graph.delegated_ops) == (0, 0)
    assert any(finding.startswith("no delegate: ONNX Runtime's CPU") for finding in graph.findings)


def test_a_float_file_multiplies_nothing_in_int8(net: Path) -> None:
    assert inspect(net).int8_mac_fraction == 0


def test_int8_fraction_weighs_operations_by_their_multiply_adds(int8: Path) -> None:
    graph = inspect(int8)
    total = CONV + DEPTHWISE + POINTWISE + HEAD
    # exact but for the division
    assert graph.int8_mac_fraction == pytest.approx((total - DEPTHWISE) / total, abs=1e-12)
    expected = f"multiply-adds that stay in float: Conv {DEPTHWISE / total:.1%}"
    assert expected in graph.findings


def test_what_onnx_runtime_quantises_by_itself_counts_as_int8(int8: Path, tmp_path: Path) -> None:
    """Between a DequantizeLinear and a QuantizeLinear it quantises float weights when it loads."""
    model = onnx.load(int8)
    (negate,) = (node for node in model.graph.node if node.name == "neg")
    for node in model.graph.node:
        node.input[:] = ["b" if name == negate.output[0] else name for name in node.input]
    model.graph.node.remove(negate)
    path = tmp_path / "closer.onnx"
    path.write_bytes(model.SerializeToString())
    assert inspect(path).int8_mac_fraction == 1


def test_max_rank_sees_rank_six(tmp_path: Path) -> None:
    shape = numpy_helper.from_array(np.array([1, 16, 2, 4, 2, 3]), "shape")
    back = numpy_helper.from_array(np.array([1, 768]), "back")
    nodes = [
        helper.make_node("Reshape", ["image", "shape"], ["six"], "split"),
        helper.make_node("Neg", ["six"], ["negative"], "neg"),
        helper.make_node("Reshape", ["negative", "back"], ["logits"], "join"),
    ]
    graph = inspect(saved(nodes, [shape, back], [1, 768], tmp_path / "six.onnx"))
    assert graph.max_rank == 6
    assert any("2 tensors have a rank above 4" in finding for finding in graph.findings)


def test_min_runtime_is_the_first_with_the_opset_and_the_ir_version(net: Path) -> None:
    assert inspect(net).min_runtime == "1.17"


def test_min_runtime_is_none_for_unknown_versions_and_says_why(net: Path, tmp_path: Path) -> None:
    model = onnx.load(net)
    model.ir_version = 10
    path = tmp_path / "other.onnx"
    path.write_bytes(model.SerializeToString())
    graph = inspect(path)
    assert graph.min_runtime is None
    assert "oldest runtime unknown for opset 20, IR version 10" in graph.findings


def test_fp16_says_that_the_cpu_computes_in_fp32(net: Path, tmp_path: Path) -> None:
    path = tmp_path / "half.onnx"
    path.write_bytes(to_float16(onnx.load(net)).SerializeToString())
    findings = inspect(path).findings
    assert any("computes fp16 operations in fp32 and adds" in finding for finding in findings)


def test_operations_that_are_not_onnx_s_own_are_named(net: Path, tmp_path: Path) -> None:
    model = onnx.load(net)
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    model.graph.node.insert(
        4, helper.make_node("Gelu", ["c"], ["g"], "gelu", domain="com.microsoft")
    )
    model.graph.node[5].input[0] = "g"
    model.graph.value_info.append(
        helper.make_tensor_value_info("g", TensorProto.FLOAT, [1, 16, 8, 6])
    )
    path = tmp_path / "foreign.onnx"
    path.write_bytes(model.SerializeToString())
    assert "operations outside the ONNX standard: Gelu" in inspect(path).findings


def kept_outside(tensor: TensorProto) -> None:
    """Move a tensor's numbers to a file beside the model."""
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="weights.bin")


@pytest.mark.parametrize("kind", ["initializer", "attribute"])
@pytest.mark.parametrize("verb", [inspect, read, content])
def test_tensors_in_other_files_are_refused(
    kind: str, verb: Callable[[Path], object], net: Path, tmp_path: Path
) -> None:
    model = onnx.load(net)
    weight = model.graph.initializer[0]
    (tmp_path / "weights.bin").write_bytes(weight.raw_data)
    if kind == "attribute":
        model.graph.node.insert(0, helper.make_node("Constant", [], ["w1"], "w1", value=weight))
        del model.graph.initializer[0]
        kept_outside(model.graph.node[0].attribute[0].t)
    else:
        kept_outside(weight)
    net.write_bytes(model.SerializeToString())
    with pytest.raises(ArtifactError, match=r"^[^\n]*keeps tensor 'w1' in another file[^\n]*$"):
        verb(net)


def before_the_rest(nodes: list, constants: list[TensorProto], net: Path) -> Path:
    """The net, with nodes in front that write "big"."""
    model = onnx.load(net)
    rest = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *rest])
    model.graph.initializer.extend(constants)
    net.write_bytes(model.SerializeToString())
    return net


def integers(name: str, *values: int) -> TensorProto:
    return numpy_helper.from_array(np.array(values, np.int64), name)


@pytest.mark.parametrize("verb", [inspect, read, content])
def test_a_few_bytes_that_ask_for_gigabytes_are_refused(
    verb: Callable[[Path], object], net: Path
) -> None:
    fill = helper.make_node("ConstantOfShape", ["size"], ["big"])
    path = before_the_rest([fill], [integers("size", 1 << 15, 1 << 15)], net)
    with pytest.raises(ArtifactError, match=r"^[^\n]*claims the shape \[32768, 32768\][^\n]*$"):
        verb(path)


def test_a_size_that_is_computed_is_refused_whatever_is_claimed(net: Path) -> None:
    nodes = [
        helper.make_node("ReduceMax", ["image"], ["top"], keepdims=0),
        helper.make_node("Cast", ["top"], ["size"], to=TensorProto.INT64),
        helper.make_node("Expand", ["one", "size1"], ["big"]),
    ]
    nodes.insert(2, helper.make_node("Reshape", ["size", "one"], ["size1"]))
    path = before_the_rest(nodes, [integers("one", 1)], net)
    model = onnx.load(path)
    model.graph.value_info.append(helper.make_tensor_value_info("big", TensorProto.INT64, [1]))
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ArtifactError, match="has a tensor 'big' without a fixed size"):
        content(path)


def test_a_weight_larger_than_its_bytes_is_refused_before_it_runs(net: Path) -> None:
    huge = TensorProto(
        name="w", data_type=TensorProto.FLOAT, dims=[1 << 20, 1 << 15], raw_data=b"1234"
    )
    with pytest.raises(ArtifactError, match="too small for the declared shape"):
        content(before_the_rest([], [huge], net))


def test_functions_nested_without_end_are_refused(net: Path) -> None:
    model = onnx.load(net)
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("x", 1)]
    for depth in range(40):  # twice as many operations at each
        inner = [helper.make_node(f"f{depth + 1}", [a], [b], domain="x") for a, b in ("st", "tu")]
        model.functions.append(helper.make_function("x", f"f{depth}", ["s"], ["u"], inner, opsets))
    net.write_bytes(model.SerializeToString())
    with pytest.raises(ArtifactError, match="has functions"):
        content(net)


def test_a_loop_is_refused(net: Path) -> None:
    boolean = [helper.make_tensor_value_info(n, TensorProto.BOOL, []) for n in ("go", "on")]
    counter = helper.make_tensor_value_info("i", TensorProto.INT64, [])
    step = helper.make_node("Identity", ["go"], ["on"])
    body = helper.make_graph([step], "body", [counter, boolean[0]], [boolean[1]])
    loop = helper.make_node("Loop", ["times", ""], [], body=body)
    with pytest.raises(ArtifactError, match="control flow"):
        content(before_the_rest([loop], [integers("times", 1 << 62)], net))


@pytest.mark.parametrize(("held", "fits"), [(1, True), (3, True), (4, False), (40, False)])
def test_what_is_held_at_one_time_counts_and_not_a_tensor_alone(
    held: int, fits: bool, tmp_path: Path
) -> None:
    size = numpy_helper.from_array(np.array([1 << 6, 1 << 8, 1 << 13], np.int64), "size")
    wide = [1 << 6, 1 << 8, 1 << 13]  # 2^27 values; a sum of two of them makes one more
    nodes = [helper.make_node("ReduceMean", ["image"], ["one"], "mean", keepdims=0)]
    nodes += [helper.make_node("Expand", ["one", "size"], [f"x{n}"]) for n in range(held)]
    nodes.append(helper.make_node("Sum", [f"x{n}" for n in range(held)], ["all"], "sum"))
    # One after the other they are not held together.
    chain = ("all", "y0", "y1", "y2")
    nodes += [helper.make_node("Neg", [a], [b]) for a, b in itertools.pairwise(chain)]
    nodes.append(helper.make_node("ReduceMean", ["y2"], ["logits"], "end", keepdims=0))
    path = saved(nodes, [size], [], tmp_path / "model.onnx")
    if fits:
        info = next(v for v in read(path).graph.value_info if v.name == "x0")
        assert [d.dim_value for d in info.type.tensor_type.shape.dim] == wide
        return
    with pytest.raises(ArtifactError, match="values at once"):
        read(path)

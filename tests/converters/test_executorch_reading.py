"""Reading .pte files that are foreign, cut, damaged, or only partly delegated."""

import copy
import json
import math
import random
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from slide_mobile.errors import ArtifactError

pytest.importorskip("executorch")

from executorch.backends.apple.coreml.partition import CoreMLPartitioner
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.backends.xnnpack.serialization.xnnpack_graph_schema import (
    OutputMinMax,
    XNNArgMaxPooling2d,
    XNNClamp,
    XNNGraph,
    XNode,
)
from executorch.exir import to_edge_transform_and_lower
from executorch.exir.schema import (
    BackendDelegateInlineData,
    Bool,
    EValue,
    Instruction,
    JumpFalseCall,
)

from slide_mobile.targets.quiet import quiet
from slide_mobile_converters import executorch
from slide_mobile_converters.executorch import graph, reading, xnnpack_graph
from slide_mobile_converters.executorch.rewrites import _GELU

pytestmark = pytest.mark.slow

SHAPE = (1, 3, 8, 12)
IMAGE = np.zeros((8, 12, 3), np.uint8)
GELU_ERROR = 2.8e-4


class Cut(nn.Module):
    """Two convolutions with a running sum between them, which XNNPACK does not have."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 3, 3), nn.Conv2d(3, 3, 3)

    def forward(self, x: Tensor) -> Tensor:
        """(1, 3, 8, 12) -> (1, 3, 4, 8)."""
        return self.second(torch.cumsum(self.first(x), 1))


def written(
    model: nn.Module, path: Path, *partitioners: XnnpackPartitioner | CoreMLPartitioner
) -> Path:
    """A .pte as another program would write it."""
    program = torch.export.export(model.eval(), (torch.zeros(SHAPE),))
    with quiet():
        edge = to_edge_transform_and_lower(program, partitioner=list(partitioners))
        path.write_bytes(edge.to_executorch().buffer)
    return path


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A .pte that another program wrote, in two delegates."""
    path = tmp_path_factory.mktemp("foreign") / "model.pte"
    return written(Cut(), path, XnnpackPartitioner())


def with_delegate(name: str, content: bytes, foreign: Path, path: Path) -> Path:
    """A .pte with one delegate, which was given `content`."""
    file = copy.deepcopy(reading.read(foreign))
    plan = reading.method(file)
    plan.delegates = plan.delegates[:1]
    plan.delegates[0].id = name
    plan.delegates[0].processed.index = 0
    file.program.backend_delegate_data = [BackendDelegateInlineData(data=content)]
    path.write_bytes(reading.write(file))
    return path


def test_operations_outside_are_counted_and_named(foreign: Path) -> None:
    facts = executorch.inspect(foreign)
    assert facts.partitions == 2 and facts.total_ops - facts.delegated_ops == 1
    assert facts.ops["Conv2d"] == 2 and facts.ops["aten::cumsum.out"] == 1
    assert facts.findings == (
        "operations outside the delegate: aten::cumsum.out x1",
        "the delegate splits the graph into 2 partitions",
        "many operations only change format or layout: StaticTranspose x4",
    )
    assert facts.min_runtime is None  # nothing in the file says who wrote it


def test_a_file_without_module_names_has_no_layerwise_error(foreign: Path) -> None:
    with pytest.raises(ArtifactError, match="does not name its modules"):
        executorch.activations(foreign, IMAGE)


def test_what_is_read_is_written_again_to_the_byte(foreign: Path) -> None:
    file = copy.deepcopy(reading.read(foreign))
    assert reading.write(file) == foreign.read_bytes()
    for delegate in reading.method(file).delegates:
        content = reading.blob(file, delegate)
        assert xnnpack_graph.write(xnnpack_graph.read(content)) == content


def test_an_absent_or_other_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="cannot be read"):
        executorch.inspect(tmp_path / "absent.pte")
    other = tmp_path / "other.pte"
    other.write_bytes(b"PK\3\4 and so on")
    with pytest.raises(ArtifactError, match=r"not a \.pte file"):
        executorch.runner(other)


@pytest.mark.parametrize("share", [0.01, 0.3, 0.9])
def test_a_cut_file_is_one_line(share: float, foreign: Path, tmp_path: Path) -> None:
    content = foreign.read_bytes()
    cut = tmp_path / "cut.pte"
    cut.write_bytes(content[: int(share * len(content))])
    for verb in (executorch.inspect, executorch.runner):
        with pytest.raises(ArtifactError, match=r"^[^\n]*damaged[^\n]*$"):
            verb(cut)


def test_flipped_bytes_are_facts_or_one_line(foreign: Path, tmp_path: Path) -> None:
    content, draw, refused = foreign.read_bytes(), random.Random(0), 0
    for number in range(40):
        flipped = bytearray(content)
        for _ in range(4):
            flipped[draw.randrange(8, len(flipped))] = draw.randrange(256)
        path = tmp_path / f"{number}.pte"
        path.write_bytes(flipped)
        try:
            executorch.inspect(path)
        except ArtifactError as error:
            assert "\n" not in str(error)
            refused += 1
    assert refused > 10


def test_a_package_that_leads_out_of_its_folder_writes_nothing(
    foreign: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "../../escape"
    nodes = [
        {"name": name, "kind": 0, "dataRegion": {"offset": 0, "size": 4}, "children": {}},
        {"name": "lowered_module", "kind": 1, "children": {name: 0}},
    ]
    content = b"evil" + json.dumps({"nodes": nodes}).encode()[::-1]
    path = with_delegate(reading.COREML, content, foreign, tmp_path / "hostile.pte")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    with pytest.raises(
        ArtifactError, match=r"damaged: .* has a file with the unsafe name '\.\./\.\./escape'"
    ):
        executorch.inspect(path)
    assert sorted(tmp_path.iterdir()) == [path, scratch] and not list(scratch.iterdir())


def test_a_package_nested_without_end_is_one_line(foreign: Path, tmp_path: Path) -> None:
    content = (b'{"nodes":' + b"[" * 100_000)[::-1]
    path = with_delegate(reading.COREML, content, foreign, tmp_path / "nested.pte")
    with pytest.raises(ArtifactError, match=r"damaged: .*recursion") as caught:
        executorch.runner(path)
    assert "\n" not in str(caught.value)


class Twice(nn.Module):
    """Two outputs."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(1, 3, 8, 12) -> (1, 3), (1, 3)."""
        return x.mean((2, 3)), x.amax((2, 3))


@pytest.mark.parametrize("partitioner", [XnnpackPartitioner, CoreMLPartitioner])
def test_a_file_that_is_no_classifier_is_one_line(partitioner, tmp_path: Path) -> None:
    run = executorch.runner(written(Twice(), tmp_path / "model.pte", partitioner()))
    with pytest.raises(ArtifactError, match=r"^[^\n]*it has 2 outputs instead of logits[^\n]*$"):
        run(IMAGE)


def test_an_input_that_the_evaluator_refuses_is_one_line(tmp_path: Path) -> None:
    path = written(
        nn.Sequential(nn.Conv2d(3, 3, 8), nn.Flatten()), tmp_path / "model.pte", CoreMLPartitioner()
    )
    run = executorch.runner(path)
    with pytest.raises(ArtifactError, match=r"^[^\n]*model\.pte is damaged[^\n]*$"):
        run(IMAGE[:4])


def test_without_a_delegate_portable_kernels_compute(tmp_path: Path) -> None:
    path = written(Cut(), tmp_path / "model.pte")
    assert executorch.runner(path).runtime.endswith(", portable kernels")


def test_an_operation_that_writes_two_tensors_is_read(foreign: Path, tmp_path: Path) -> None:
    file = copy.deepcopy(reading.read(foreign))
    parsed = xnnpack_graph.read(reading.blob(file, reading.method(file).delegates[0]))
    image, index = parsed.input_ids[0], parsed.output_ids[0]
    (convolution,) = (n for n in parsed.xnodes if type(n.xnode_union).__name__ == "XNNConv2d")
    pooling = {"pooling_height": 2, "pooling_width": 2, "flags": 0}
    padding = {f"padding_{side}": 0 for side in ("top", "right", "bottom", "left")}
    # Crafted: the format has the operation, but executorch 1.4 lowers a maximum to MaxPooling2d.
    convolution.xnode_union = XNNArgMaxPooling2d(
        input_id=image, output_value_id=index, output_index_id=image, **pooling, **padding
    )
    content = xnnpack_graph.write(parsed)
    path = with_delegate(reading.XNNPACK, content, foreign, tmp_path / "model.pte")
    assert executorch.inspect(path).ops["ArgMaxPooling2d"] == 1
    (op,) = (op for op in graph.operations(parsed) if op.name == "XNNArgMaxPooling2d")
    values = xnnpack_graph.values(parsed)
    assert op.outputs == (values[index], values[image]) and set(op.inputs) == {"input_id"}


def test_the_gelu_of_fp16_is_off_by_what_it_says() -> None:
    x = torch.linspace(-300, 300, 600_001, dtype=torch.float64)
    a, b = _GELU.values()
    error = x * torch.sigmoid(x * (a + b * x.square())) - nn.functional.gelu(x)
    assert 2.6e-4 < error.abs().max() < GELU_ERROR


def test_memory_that_no_model_needs_is_refused(foreign: Path, tmp_path: Path) -> None:
    file = copy.deepcopy(reading.read(foreign))
    reading.method(file).non_const_buffer_sizes = [0, 1 << 35]
    path = tmp_path / "greedy.pte"
    path.write_bytes(reading.write(file))
    with pytest.raises(ArtifactError, match=r"needs too much memory: .* bytes"):
        executorch.runner(path)


def test_a_method_that_jumps_back_is_refused(foreign: Path, tmp_path: Path) -> None:
    file = copy.deepcopy(reading.read(foreign))
    plan = reading.method(file)
    plan.values.append(EValue(Bool(False)))
    jump = JumpFalseCall(cond_value_index=len(plan.values) - 1, destination_instruction=0)
    plan.chains[0].instructions.append(Instruction(jump))
    path = tmp_path / "endless.pte"
    path.write_bytes(reading.write(file))
    with pytest.raises(ArtifactError, match="has jumps and might never end"):
        executorch.runner(path)


def test_a_delegate_s_tensor_of_absurd_size_is_refused(foreign: Path, tmp_path: Path) -> None:
    file = copy.deepcopy(reading.read(foreign))
    graph = xnnpack_graph.read(reading.blob(file, reading.method(file).delegates[0]))
    xnnpack_graph.tensor(graph.xvalues[0].xvalue_union).dims = [1 << 15, 1 << 15]
    content = xnnpack_graph.write(graph)
    path = with_delegate(reading.XNNPACK, content, foreign, tmp_path / "huge.pte")
    with pytest.raises(ArtifactError, match="claims the shape"):
        executorch.inspect(path)


def test_the_graph_of_a_relu_has_no_upper_bound_and_is_read_as_it_was_written() -> None:
    relu = XNNGraph(
        version="0",
        xnodes=[
            XNode(
                xnode_union=XNNClamp(input_id=0, output_id=1, flags=0),
                debug_handle=0,
                output_min_max=OutputMinMax(output_min=0.0, output_max=math.inf),
            )
        ],
        xvalues=[],
        num_externs=0,
        input_ids=[],
        output_ids=[],
        constant_data=[],
    )
    assert xnnpack_graph.read(xnnpack_graph.write(relu)).xnodes == relu.xnodes

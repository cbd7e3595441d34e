"""Every family through every target: parity, one delegate, rank 4, all modules under their names.

CI converts the families that have operations of their own, and shows that no other family has an
operation beside theirs. `make test-slow` converts each family in every precision.
"""

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from ai_edge_litert import schema_py_generated as schema
from installed import TARGETS
from numpy.typing import NDArray
from torch import nn
from torch.export import ExportedProgram

from slide_mobile import models, recipes
from slide_mobile.demo.render import render_many
from slide_mobile.deploy.export import export
from slide_mobile.deploy.rewriting import deploy
from slide_mobile.parity import layerwise
from slide_mobile.parity.metrics import sqnr_db
from slide_mobile.preprocess import IMAGENET, normalize
from slide_mobile.targets import registry
from slide_mobile.targets.converter import Request
from slide_mobile.tasks import Layout
from slide_mobile_converters.tflite import rounding

pytestmark = pytest.mark.slow

PVT, PVT_V2, CSWIN, NAT = FAMILIES = (  # Slide-Swin's is test_contract.py's
    "slide_pvt_test", "slide_pvt_v2_test", "slide_cswin_test", "slide_nat_test",
)  # fmt: skip
SWIN = "slide_swin_test"
LAYOUTS: tuple[Layout, ...] = ("NHWC", "NCHW")
WITH_TOKEN = "slide_pvt_test with a class token"
DELEGATING = {"tflite", "executorch"}
# Slide-NAT has the most kinds of operations; a class token adds some.
CI = {
    ("tflite", WITH_TOKEN, "fp32"), ("tflite", NAT, "int8"),
    ("executorch", NAT, "int8-dynamic"),
    ("onnx", WITH_TOKEN, "fp32"), ("onnx", NAT, "int8"),
    ("coreml", WITH_TOKEN, "fp32"), ("coreml", NAT, "int8"),
    ("coreai", NAT, "fp16"),
}  # fmt: skip
# 5 dB below the floor of the logits; a module beside another's is near 0.
MODULE_FLOORS_DB = {
    "fp32": 90, "fp16": 45, "int8": 15, "int8-dynamic": 30, "int8-weights": 20, "palette6": 15,
    "palette4": 5,
}  # fmt: skip
SLOWEST = pytest.mark.full_size
CASES = [
    pytest.param(
        *case,
        id="-".join(case).replace(" ", "_"),
        marks=[] if case in CI else SLOWEST,
    )
    for case in (
        *(
            (target, name, precision)
            for target in TARGETS
            for name in FAMILIES
            for precision in next(iter(registry.load(target).BACKENDS.values()))
        ),
        *((target, WITH_TOKEN, "fp32") for target in TARGETS),
    )
]


@dataclass(frozen=True, kw_only=True)
class Family:
    """A model with random weights in both layouts, images, and its logits for the last four."""

    forms: dict[Layout, nn.Module]
    programs: dict[Layout, ExportedProgram]
    images: NDArray[np.uint8]
    expected: NDArray[np.float32]

    @property
    def seen(self) -> NDArray[np.uint8]:
        """The images that logits are known for; the others calibrate."""
        return self.images[-4:]


@functools.cache
def family(name: str) -> Family:
    """One family, exported once in a run."""
    torch.manual_seed(0)
    model = PVT if name == WITH_TOKEN else name
    options = {"class_token": True} if name == WITH_TOKEN else {}
    reference = models.create(model, **options).requires_grad_(False)
    size = models.spec(model).input_size
    drawn, _ = render_many(3, 12, max(size))
    images = np.ascontiguousarray(np.stack(list(drawn))[:, : size[0], : size[1]])
    forms = {layout: deploy(reference, layout=layout) for layout in LAYOUTS}
    with torch.no_grad():
        expected = reference(torch.from_numpy(normalize(images[-4:], IMAGENET))).numpy()
    return Family(
        forms=forms,
        programs={layout: export(form, size, layout) for layout, form in forms.items()},
        images=images,
        expected=expected,
    )


@pytest.mark.parametrize(("target", "name", "precision"), CASES)
def test_a_family_converts(target: str, name: str, precision: str, tmp_path: Path) -> None:
    converter, recipe, made = registry.load(target), recipes.lookup(precision), family(name)
    path = tmp_path / f"model{converter.SUFFIX}"
    converter.convert(made.programs[converter.LAYOUT], request_for(made, target, precision), path)
    graph = converter.inspect(path)
    assert graph.max_rank <= 4
    assert graph.partitions == (target in DELEGATING)
    assert graph.delegated_ops == graph.total_ops * (target in DELEGATING)
    assert not converter.misread(path)
    low, high = (0.5, 1.0) if precision in {"int8", "int8-dynamic"} else (0.0, 0.0)
    assert low <= graph.int8_mac_fraction <= high

    run = converter.runner(path)
    found = np.stack([run(image) for image in made.seen])
    assert sqnr_db(made.expected, found) >= recipe.goal_sqnr_db - 4

    if precision == "fp16":
        half = converter.half_runner(path)
        found = np.stack([half(image) for image in made.seen])
        assert sqnr_db(made.expected, found) >= recipe.min_sqnr_db

    # Convolutions and linears, whose maps lie in different orders, are each beside their own.
    form = made.forms[converter.LAYOUT]
    rows = layerwise.modules(converter, path, form, made.seen)
    names = layerwise.dense(form).keys() - unnamed(target)
    assert sorted(row.module for row in rows) == sorted(names)
    assert min(row.sqnr_db for row in rows) > MODULE_FLOORS_DB[precision]


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name == NAT else SLOWEST) for name in (SWIN, *FAMILIES)],
)
def test_the_casts_that_round_a_tflite_change_nothing_else(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    converter, made, path = registry.load("tflite"), family(name), tmp_path / "model.tflite"
    converter.convert(made.programs["NHWC"], request_for(made, "tflite", "fp32"), path)
    monkeypatch.setattr(rounding, "_HALF", schema.TensorType.FLOAT32)
    monkeypatch.setattr(rounding, "_round_constants", lambda file: None)
    runs = (converter.runner(path), converter.half_runner(path))
    plain, cast = (np.stack([run(image) for image in made.seen]) for run in runs)
    assert sqnr_db(plain, cast) > 115


def unnamed(target: str) -> set[str]:
    """Modules without a name in the file: in a .tflite the head's output is called "logits"."""
    return {"head"} if target == "tflite" else set()


def request_for(made: Family, target: str, precision: str, backend: str = "") -> Request:
    """The first backend and exporter, calibrated on eight drawings."""
    converter, recipe = registry.load(target), recipes.lookup(precision)
    return Request(
        recipe=recipe,
        backend=backend or next(iter(converter.BACKENDS)),
        via=next(iter(converter.EXPORTERS)),
        labels=tuple(f"class {i}" for i in range(made.expected.shape[1])),
        title="a family",
        description="random weights",
        version="1",
        facts={},
        calibration=tuple(made.images[:8]) if recipe.needs_calibration else (),
    )


def kinds(program: ExportedProgram) -> set[str]:
    """Operations of a program with the ranks of their inputs; depthwise convolutions are marked."""
    found = set()
    for node in program.graph.nodes:
        if node.op == "call_function":
            ranks = sorted({x.meta["val"].ndim for x in node.all_input_nodes})
            conv = node.target is torch.ops.aten.conv2d.default
            depthwise = conv and len(node.args) > 6 and node.args[6] > 1
            found.add(f"{node.target} {ranks}{' depthwise' * depthwise}")
    return found


@pytest.mark.parametrize("layout", LAYOUTS)
def test_no_family_has_an_operation_beside_those_that_ci_converts(layout: Layout) -> None:
    converted = {SWIN, *(name for _, name, _ in CI)}
    known = set().union(*(kinds(family(name).programs[layout]) for name in converted))
    for name in FAMILIES:
        program = family(name).programs[layout]
        assert kinds(program) <= known, name
        values = [node.meta.get("val") for node in program.graph.nodes]
        assert max(x.ndim for x in values if isinstance(x, torch.Tensor)) <= 4


def test_all_modules_are_found_in_core_mls_delegate(tmp_path: Path) -> None:
    converter, made, path = registry.load("executorch"), family(NAT), tmp_path / "nat.pte"
    request = request_for(made, "executorch", "fp32", "coreml")
    converter.convert(made.programs["NCHW"], request, path)
    graph, run = converter.inspect(path), converter.runner(path)
    assert (graph.partitions, graph.delegated_ops) == (1, graph.total_ops)
    found = np.stack([run(image) for image in made.seen])
    assert sqnr_db(made.expected, found) >= recipes.lookup("fp32").goal_sqnr_db
    rows = layerwise.modules(converter, path, made.forms["NCHW"], made.seen)
    assert {row.module for row in rows} == set(layerwise.dense(made.forms["NCHW"]))
    assert min(row.sqnr_db for row in rows) > 90

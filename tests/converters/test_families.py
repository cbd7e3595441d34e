"""Every family through every target: parity, one delegate with nothing outside, rank 4."""

from pathlib import Path

import pytest
from converted_once import ConvertedOnce
from safetensors.torch import save_file

import slide_mobile
from slide_mobile import models, recipes
from slide_mobile.deploy.rewriting import deploy
from slide_mobile.parity import layerwise
from slide_mobile.targets import registry

pytestmark = pytest.mark.slow

# Slide-Swin's is test_contract.py's.
NAMES = ["slide_pvt_test", "slide_pvt_v2_test", "slide_cswin_test", "slide_nat_test"]
PRECISIONS = [
    (target, precision)
    for target in registry.names()
    for precision in next(iter(registry.load(target).BACKENDS.values()))
]
DELEGATING = {"tflite", "executorch"}


@pytest.mark.parametrize(("target", "precision"), PRECISIONS)
@pytest.mark.parametrize("name", NAMES)
def test_a_family_converts(
    name: str, target: str, precision: str, converted: ConvertedOnce
) -> None:
    art = converted(target, precision, model=name)
    graph, recipe = art.manifest.graph, recipes.lookup(precision)
    assert art.manifest.parity["passed"]
    assert art.manifest.parity["sqnr_db"] >= recipe.goal_sqnr_db - 4
    assert art.manifest.float_modules == ()
    assert graph.max_rank <= 4
    assert graph.partitions == (target in DELEGATING)
    assert graph.delegated_ops == graph.total_ops * (target in DELEGATING)
    low, high = (0.5, 1.0) if precision in {"int8", "int8-dynamic"} else (0.0, 0.0)
    assert low <= graph.int8_mac_fraction <= high


@pytest.mark.parametrize("target", registry.names())
@pytest.mark.parametrize("name", NAMES)
def test_all_modules_of_a_family_are_found_in_its_file(
    name: str, target: str, converted: ConvertedOnce
) -> None:
    result = slide_mobile.check(converted(target, "fp32", model=name).root)
    assert result.parity.passed
    form = deploy(models.create(name), layout=registry.load(target).LAYOUT)
    # In a .tflite the head's output has the name of the graph's.
    unnamed = {"head"} if target == "tflite" else set()
    assert {row.module for row in result.modules} == set(layerwise.dense(form)) - unnamed
    # Convolutions and linears, whose maps lie in different orders, are each beside their own.
    assert min(row.sqnr_db for row in result.modules) > 90


@pytest.mark.parametrize("name", NAMES)
def test_linears_that_share_their_tokens_keep_their_names(
    name: str, converted: ConvertedOnce
) -> None:
    result = slide_mobile.check(converted("executorch", "int8-dynamic", model=name).root)
    form = deploy(models.create(name), layout=registry.load("executorch").LAYOUT)
    assert sorted(row.module for row in result.modules) == sorted(layerwise.dense(form))
    assert min(row.sqnr_db for row in result.modules) > 30


def test_all_modules_are_found_in_core_mls_delegate(converted: ConvertedOnce) -> None:
    art = converted("executorch", "fp32", model="slide_nat_test", backend="coreml")
    result = slide_mobile.check(art.root)
    form = deploy(models.create("slide_nat_test"), layout="NCHW")
    assert {row.module for row in result.modules} == set(layerwise.dense(form))
    assert min(row.sqnr_db for row in result.modules) > 90


@pytest.mark.parametrize("target", registry.names())
def test_a_class_token_converts(target: str, tmp_path: Path) -> None:
    state = models.create("slide_pvt_test", class_token=True).state_dict()
    checkpoint = tmp_path / "pvt.safetensors"
    save_file(state, checkpoint)
    art = slide_mobile.convert(
        "slide_pvt_test", target=target, precision="fp32", checkpoint=checkpoint, out=tmp_path
    )
    graph = art.manifest.graph
    assert art.manifest.parity["sqnr_db"] >= recipes.lookup("fp32").goal_sqnr_db
    assert graph.max_rank <= 4 and graph.partitions == (target in DELEGATING)
    assert graph.delegated_ops == graph.total_ops * (target in DELEGATING)

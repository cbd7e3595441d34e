"""The catalogue: what census.json says is what the registry builds, and as large as published."""

import subprocess
import sys

import pytest

from slide_mobile import models
from slide_mobile.models import catalogue, census
from slide_mobile.models.catalogue import Row
from slide_mobile.models.meta import MetaInit

# Parameters (M, two depthwise paths) and multiply-adds (G) at 224x224. Counted; where a paper
# prints figures, each model's own file says how they compare.
SIZES = {
    "slide_swin_tiny": (28.31, 4.565),
    "slide_swin_small": (49.63, 8.815),
    "slide_swin_base": (87.79, 15.530),
    "slide_swin_tiny_release": (28.35, 4.70),
    "slide_swin_small_release": (49.75, 9.21),
    "slide_swin_base_release": (87.95, 16.06),
    "swin_tiny": (28.29, 4.49),
    "swin_small": (49.61, 8.74),
    "swin_base": (87.77, 15.43),
    "slide_pvt_tiny": (12.22, 2.023),
    "slide_pvt_small": (22.73, 3.971),
    "slide_pvt_medium": (42.45, 6.814),
    "slide_pvt_v2_b1": (13.01, 2.205),
    "slide_pvt_v2_b2": (23.61, 4.191),
    "slide_pvt_v2_b3": (43.48, 7.062),
    "slide_pvt_v2_b4": (59.80, 10.344),
    "slide_pvt_v2_b5": (79.70, 11.921),
    "slide_cswin_tiny": (22.34, 4.351),
    "slide_cswin_small": (34.68, 6.855),
    "slide_cswin_base": (77.41, 15.037),
    "slide_nat_mini": (20.02, 2.777),
    "slide_nat_tiny": (27.94, 4.378),
    "slide_nat_small": (50.78, 7.896),
    "slide_nat_base": (89.80, 13.84),
}
# Figures from the papers of the parent networks: parameters (M) and multiply-adds (G).
PRINTED = [
    "pvt_tiny",
    "pvt_small",
    "pvt_medium",
    "pvt_large",
    "pvt_v2_b1",
    "pvt_v2_b2",
    "cswin_small",
]
PRINTED += ["nat_mini", "nat_tiny"]


TABLE = {row.name: row for row in catalogue.list_models()}
CHEAP = ["slide_swin_demo", "slide_pvt_tiny", "pvt_v2_b1"]  # the others are counted when slow


def outdated(name: str) -> str:
    return f"the row of {name} is outdated: run python -m tools.count_models"


@pytest.mark.parametrize("name", SIZES)
def test_parameters_and_multiply_adds(name: str) -> None:
    params_m, macs_g = SIZES[name]
    assert TABLE[name].params / 1e6 == pytest.approx(params_m, abs=0.006)
    assert TABLE[name].macs / 1e9 == pytest.approx(macs_g, abs=0.006)


@pytest.mark.parametrize("name", PRINTED)
def test_parents_are_as_large_as_their_papers_print(name: str) -> None:
    paper = TABLE[name].paper
    # PVTv2's paper prints 13.1 M for B1; the README beside the official code 14.0 M.
    params_m = 14.0 if name == "pvt_v2_b1" else paper.params_m
    assert TABLE[name].params / 1e6 == pytest.approx(params_m, rel=0.02)
    assert TABLE[name].macs / 1e9 == pytest.approx(paper.macs_g, rel=0.05)


def test_the_catalogue_has_every_public_model_and_no_test_model() -> None:
    assert list(TABLE) == models.names()
    assert not any(name.endswith("_test") for name in TABLE)
    # Every size of a family with slide attention is compared with its figures above.
    slide = {name for name in TABLE if name.startswith("slide_")} - {"slide_swin_demo"}
    assert slide <= SIZES.keys()


@pytest.mark.parametrize("name", TABLE)
def test_the_catalogue_says_what_the_registry_says(name: str) -> None:
    spec, row = models.spec(name), TABLE[name]
    told = (spec.name, spec.family, spec.preset, spec.input_size, spec.paper, spec.notes)
    found = (row.name, row.family, row.preset, row.input_size, row.paper, row.notes)
    assert found == told, outdated(name)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n in CHEAP else pytest.mark.slow) for n in TABLE]
)
def test_the_catalogue_is_what_is_counted(name: str) -> None:
    assert census.row(models.spec(name)) == TABLE[name], outdated(name)


def test_a_count_needs_no_weights_and_agrees_with_a_model_that_has_them() -> None:
    model = models.create("slide_swin_demo")
    size = census.measure(model, (128, 128))
    row: Row = TABLE["slide_swin_demo"]
    assert (size.params, size.macs) == (row.params, row.macs)


@pytest.mark.parametrize("name", [name for name in TABLE if name.startswith("im2col")])
def test_an_im2col_twin_is_the_slide_model_without_what_is_learned_around_its_shift(name) -> None:
    config = dict(models.spec(name).build.keywords)  # type: ignore[attr-defined]
    del config["local_attention"]
    with MetaInit():
        twin = models.spec(name).build().state_dict()
        slide = models.spec(name).network(**config).state_dict()
    learned = {key: value.shape for key, value in slide.items() if ".dep_conv" not in key}
    assert {key: value.shape for key, value in twin.items()} == learned
    assert len(learned) < len(slide)


def test_models_are_listed_family_by_family_whichever_was_imported_first() -> None:
    code = (
        "from slide_mobile.models import slide_swin, slide_pvt; from slide_mobile import models; "
        "print(*models.names())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == list(TABLE)


def test_an_unknown_name_of_the_package_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'creat'"):
        models.creat  # noqa: B018

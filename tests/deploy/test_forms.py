"""The table of forms: every row is usable, and the nearest map decides where none matches."""

import json
from dataclasses import asdict, replace

import pytest
import torch

from benchmarks.choose import FORMS, choice, is_complete, staged, stages
from slide_mobile.deploy.forms import PLAIN, TABLE, Form, Forms, Shape, chosen
from slide_mobile.targets import registry

SMALL = Shape(height=28, width=28, dim=192, heads=6)
LARGE = Shape(height=56, width=56, dim=96, heads=3)
ROWS = Forms(
    (
        ("slide", SMALL, Form(strips=2)),
        ("slide", LARGE, Form(strips=4)),
        ("window", LARGE, Form(tokens="matrix")),
    )
)


def test_a_map_gets_its_own_row_or_the_nearest_of_its_attention() -> None:
    assert ROWS.of("slide", LARGE) == Form(strips=4)
    assert ROWS.of("slide", replace(SMALL, height=24, width=30)) == Form(strips=2)
    assert ROWS.of("window", SMALL) == Form(tokens="matrix")


def test_what_was_not_measured_gets_the_plain_form() -> None:
    assert PLAIN.of("slide", LARGE) == Form()
    assert chosen("a target", "xnnpack", "fp32") == PLAIN
    assert chosen("executorch", "coreml", "fp16") == PLAIN


@pytest.mark.parametrize("model", ["slide_swin_demo", "slide_pvt_test", "slide_nat_test"])
@pytest.mark.parametrize("target", ["tflite", "executorch"])
def test_what_is_measured_are_the_blocks_of_a_stage(target: str, model: str) -> None:
    sites = list(stages(model, target))
    windows = target == "executorch" and model == "slide_swin_demo"
    assert len(sites) == (4 if windows else 2)
    for site in sites:
        for form in (Form(), Form(strips=2, tokens="matrix")):
            module, maps = staged(target, site, form)
            with torch.no_grad():
                assert module(maps[0]).shape == maps[0].shape


def test_a_row_that_lacks_a_form_is_measured_again() -> None:
    facts = {"p50_ms": 10.0, "p90_ms": 10.1, "partitions": 1, "outside": 0}
    whole = [{"form": asdict(form), **facts} for form in FORMS["slide"]]
    row = {"target": "tflite", "precision": "fp32", "attention": "slide"}
    assert is_complete(row | {"measured": whole})
    assert not is_complete(row | {"measured": whole[:-1]})


MEASURED = json.loads(TABLE.read_text())["rows"]


@pytest.mark.parametrize("row", MEASURED, ids=lambda row: f"{row['target']} {row['precision']}")
def test_a_row_holds_the_fastest_of_the_forms_that_it_measured(row: dict) -> None:
    assert row["precision"] in registry.load(row["target"]).BACKENDS[row["backend"]]
    for backend in (row["backend"], f"{row['backend']}-fp16"):
        forms = chosen(row["target"], backend, row["precision"])
        assert forms.of(row["attention"], Shape(**row["shape"])) == Form(**row["form"])
    assert row["form"] == choice(row["measured"])


def test_a_form_must_be_faster_than_noise_and_measured_without_it() -> None:
    facts = {"p50_ms": 10.0, "p90_ms": 10.5, "partitions": 1, "outside": 0}
    plain, other = (facts | {"form": name} for name in ("plain", "other"))
    assert choice([plain, other | {"p50_ms": 9.8, "p90_ms": 10.0}]) == "plain"
    assert choice([plain, other | {"p50_ms": 9.0, "p90_ms": 9.5}]) == "other"
    assert choice([plain, other | {"p50_ms": 9.0, "p90_ms": 12.0}]) == "plain"
    split = facts | {"form": "split", "p50_ms": 5.0, "p90_ms": 5.0, "partitions": 2}
    assert choice([plain, split]) == "plain"
    # Nor does its own noise decide over another, or its quiet.
    quiet, noisy = ({"p50_ms": 9.0, "p90_ms": p90_ms} for p90_ms in (9.5, 12.0))
    assert choice([plain, other | quiet, split | {"p90_ms": 9.0}]) == "other"
    assert choice([plain, other | noisy, split]) == "plain"

"""The oldest runtime: from runs where there were some, else LiteRT's claim, and said so."""

import json
from dataclasses import replace

import pytest

from slide_mobile_converters.tflite import versions
from slide_mobile_converters.tflite.operations import Op, Tensor


def tensor(dtype: str, *, per_channel: bool = False) -> Tensor:
    return Tensor(name="x", shape=(1,), dtype=dtype, constant=False, per_channel=per_channel)


def op(name: str, version: int, *inputs: Tensor) -> Op:
    return Op(
        name=name,
        custom=False,
        version=version,
        inputs=inputs,
        outputs=(tensor("FLOAT32"),),
        options=None,
    )


FLOAT, INT8 = tensor("FLOAT32"), tensor("INT8")
ADD, MUL, EXP = op("ADD", 1, FLOAT, FLOAT), op("MUL", 1, FLOAT, FLOAT), op("EXP", 1, FLOAT)


@pytest.fixture
def confirmed(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    table = {
        "ADD 1 FLOAT32": ["2.14.0", "2.17.1"],
        "MUL 1 FLOAT32": ["2.17.1", "2.18.1"],
        "EXP 1 FLOAT32": ["2.18.1"],
    }
    monkeypatch.setattr(versions, "_confirmed", lambda: table)
    return table


def test_the_oldest_release_that_ran_every_operation_counts(
    confirmed: dict[str, list[str]],
) -> None:
    assert versions.min_runtime([ADD, ADD])[0] == "2.14.0"
    assert versions.min_runtime([ADD, MUL])[0] == "2.17.1"


def test_newer_releases_that_failed_are_named(confirmed: dict[str, list[str]]) -> None:
    assert versions.min_runtime([MUL]) == ("2.17.1", [])
    remark = "when tried, TFLite 2.18.1 failed or gave wrong results"
    assert versions.min_runtime([ADD]) == ("2.14.0", [remark])


def test_operations_that_ran_on_different_releases_are_not_confirmed_together(
    confirmed: dict[str, list[str]],
) -> None:
    release, (remark,) = versions.min_runtime([ADD, EXP])
    assert release == "1.7.0"  # LiteRT: EXP 1
    assert remark == (
        "oldest runtime 1.7.0 is only LiteRT's claim; no run confirmed it: "
        "no release ran all operations of the file"
    )


def test_another_version_or_type_is_another_operation(confirmed: dict[str, list[str]]) -> None:
    for other in (replace(ADD, version=2), op("ADD", 2, INT8, INT8)):
        release, (remark,) = versions.min_runtime([ADD, other])
        assert release == "1.14.0"
        assert f"no run confirmed it: {versions.signature(other)}" in remark


def test_a_long_list_of_unconfirmed_operations_is_cut(confirmed: dict[str, list[str]]) -> None:
    names = ("SUB", "DIV", "SUM", "MEAN", "SQRT", "TANH")
    _, (remark,) = versions.min_runtime([op(name, 1, FLOAT) for name in names])
    assert remark.endswith(
        "DIV 1 FLOAT32, MEAN 1 FLOAT32, SQRT 1 FLOAT32, SUB 1 FLOAT32 and 2 more"
    )


def test_a_claim_follows_the_types_where_the_file_understates_versions() -> None:
    weights = tensor("INT8", per_channel=True)
    release, remarks = versions.min_runtime([op("FULLY_CONNECTED", 5, FLOAT, weights)])
    assert release == "2.17.0"  # FULLY_CONNECTED 12: weights with a scale a channel
    assert any("FULLY_CONNECTED has 5 and needs 12" in remark for remark in remarks)


def test_an_unknown_operation_has_no_oldest_runtime() -> None:
    release, remarks = versions.min_runtime([op("SIGN", 1, FLOAT)])
    assert release is None
    assert remarks == ["oldest runtime unknown, because of SIGN version 1"]


def test_a_signature_marks_a_scale_a_channel_and_names_each_type_once() -> None:
    weights, bias = tensor("INT8", per_channel=True), tensor("INT32", per_channel=True)
    conv = op("CONV_2D", 3, INT8, weights, bias)
    assert versions.signature(conv) == "CONV_2D 3 INT8,INT8*,INT32*"
    assert versions.signature(ADD) == "ADD 1 FLOAT32"
    assert versions.signature(replace(ADD, inputs=(FLOAT, None))) == "ADD 1 FLOAT32"


def test_releases_are_ordered_as_numbers() -> None:
    assert versions.in_order({"2.9.0", "2.17.1", "1.15.0"}) == ["1.15.0", "2.9.0", "2.17.1"]


def test_the_confirmed_table_is_what_the_lab_writes() -> None:
    table = json.loads(versions.CONFIRMED.read_text(encoding="utf-8"))
    assert list(table) == sorted(table) and len(table) > 20
    for name, releases in table.items():
        kind, version, types = name.split(" ")
        assert kind.isupper() and int(version) >= 1 and types
        assert releases and releases == versions.in_order(set(releases))

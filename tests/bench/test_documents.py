"""What a phone shares is read, and held to its classes and to its own samples."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hostile_files import KINDS, put

from slide_mobile.artifact.documents import encode
from slide_mobile.bench import documents, result
from slide_mobile.bench.change import BaselineComparison, Change
from slide_mobile.bench.documents import BenchDocument
from slide_mobile.errors import GateFailed, UsageError

VECTORS = Path(__file__).parents[2] / "apps/conformance/bench"
SCHEMA = Path(documents.__file__).with_name("bench.schema.json")


@pytest.fixture
def plain() -> dict[str, Any]:
    return json.loads((VECTORS / "valid/android.json").read_text())


def saved(path: Path, document: object) -> Path:
    path.write_text(json.dumps(document))
    return path


def test_the_published_schema_is_that_of_the_classes() -> None:
    assert SCHEMA.read_bytes() == documents.published()


@pytest.mark.parametrize("path", sorted(VECTORS.glob("valid/*.json")), ids=lambda p: p.stem)
def test_good_documents_are_read_and_written_as_they_are(path: Path) -> None:
    assert json.loads(encode(documents.read(path))) == json.loads(path.read_text())


@pytest.mark.parametrize("path", sorted(VECTORS.glob("invalid/*.json")), ids=lambda p: p.stem)
def test_bad_documents_are_one_line(path: Path) -> None:
    with pytest.raises((GateFailed, UsageError), match=path.name) as caught:
        documents.read(path)
    assert "\n" not in str(caught.value) and len(str(caught.value)) <= 300 + len(str(path))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r.update(p50_ms=1.01 * r["p50_ms"]), "p50_ms is .*, but its samples give"),
        (lambda r: r.update(mean_ms=r["p50_ms"] / 2), "mean_ms is"),
        (lambda r: r.update(p99_ms=9.9), "p99_ms is 9.9, but its samples give"),
        (lambda r: r.update(runs=51), "51 runs, but 50 samples"),
        (lambda r: r.update(thermal_after="serious"), "is marked valid, but: throttled"),
        (lambda r: r.update(why_invalid=["no"]), "is marked valid, but: no"),
        (lambda r: r.update(valid=False), "is marked invalid without a reason"),
        (lambda r: r.update(sustained=[], runs=29), "is marked valid, but has only 29 runs"),
        (lambda r: r.update(samples_ms=[], runs=0, p50_ms=None), "valid, but has no p50_ms"),
        (lambda r: r["samples_ms"].__setitem__(0, "x"), r"samples_ms\[0\]: expected `float`"),
        (lambda r: r.update(samples_ms=[0] * 50), r"samples_ms\[0\]: expected `float` > 0"),
        (lambda r: r["samples_ms"].__setitem__(0, 1e10), r"samples_ms\[0\]: expected `float` <= 1"),
        (lambda r: r.update(valid=False, why_invalid=["x"], p50_ms=0), "p50_ms: expected"),
        (lambda r: r.update(threads=0), "threads: expected `int` >= 1"),
        (lambda r: r.update(total_ops=2**60), "total_ops: expected `int` <="),
        (lambda r: r.update(operations=[{"name": "", "module": "", "microseconds": -1}]), ">= 0"),
    ],
)
def test_a_result_that_contradicts_itself_is_refused(
    change: Callable[[dict[str, Any]], object],
    message: str,
    plain: dict[str, Any],
    tmp_path: Path,
) -> None:
    change(plain["results"][0])
    with pytest.raises(GateFailed, match=f"is not a measurement: results.0.*{message}"):
        documents.read(saved(tmp_path / "phone.json", plain))


def test_a_result_that_contradicts_itself_cannot_be_built(plain: dict[str, Any]) -> None:
    good = msgspec.convert(plain["results"][0], result.Result)
    with pytest.raises(ValueError, match="51 runs, but 50 samples"):
        msgspec.structs.replace(good, runs=51)


def test_samples_may_be_rounded_on_their_way(plain: dict[str, Any], tmp_path: Path) -> None:
    found = plain["results"][0]
    found["samples_ms"] = [round(ms, 4) for ms in found["samples_ms"]]
    assert documents.read(saved(tmp_path / "phone.json", plain)).results[0].valid


@pytest.fixture
def phone() -> dict[str, Any]:
    """A sustained run with all that an app can say of it."""
    return json.loads((VECTORS / "valid/everything-a-phone-says.json").read_text())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r["fitness"].update(emulator=True), "its fitness gives .*an emulator has no"),
        (lambda r: r["fitness"].update(why_unfit=["cold"]), r"gives \[\], not \['cold'\]"),
        (lambda r: r["endurance"].update(slowdown=1.0), "does not follow from its curve"),
        (lambda r: r["endurance"].update(throttled=False), "does not follow from its curve"),
        (lambda r: r.update(endurance=None), "does not follow from its curve"),
        (lambda r: r.update(sustained=None), "verdict of a sustained run, but no curve"),
        (lambda r: r.update(valid=True, why_invalid=[]), "valid, but: npu gives the CPU's outputs"),
        (lambda r: r["conversion"].update(key="ab"), "key: expected"),
        (lambda r: r["placement"][0].update(share=2), "share: expected"),
    ],
)
def test_what_a_phone_says_has_to_hold_together(
    change: Callable[[dict[str, Any]], object],
    message: str,
    phone: dict[str, Any],
    tmp_path: Path,
) -> None:
    change(phone["results"][0])
    with pytest.raises(GateFailed, match=message):
        documents.read(saved(tmp_path / "phone.json", phone))


def test_a_phone_that_was_not_fit_gives_no_valid_latency(
    plain: dict[str, Any], phone: dict[str, Any], tmp_path: Path
) -> None:
    reason = "the power saver is on"
    fitness = phone["results"][0]["fitness"] | {"power_saver": True, "why_unfit": [reason]}
    plain["results"][0]["fitness"] = fitness
    with pytest.raises(GateFailed, match=f"is marked valid, but: {reason}"):
        documents.read(saved(tmp_path / "phone.json", plain))
    plain["results"][0] |= {"valid": False, "why_invalid": [reason]}
    assert not documents.read(saved(tmp_path / "phone.json", plain)).results[0].valid


def test_a_sustained_run_may_slow_down_and_get_hot(phone: dict[str, Any], tmp_path: Path) -> None:
    found = phone["results"][0]
    found["fingerprint"] |= {"equal_to_cpu": False}
    found |= {"thermal_after": "serious", "valid": True, "why_invalid": []}
    read = documents.read(saved(tmp_path / "phone.json", phone)).results[0]
    assert read.valid and read.endurance and read.endurance.throttled
    del found["endurance"]  # as before version 3
    with pytest.raises(GateFailed, match="is marked valid, but: throttled"):
        documents.read(saved(tmp_path / "phone.json", phone))


def test_a_p99_of_few_runs_is_refused_from_version_3_on(
    plain: dict[str, Any], tmp_path: Path
) -> None:
    old = json.loads((VECTORS / "valid/version-1.json").read_text())
    assert documents.read(saved(tmp_path / "old.json", old)).results[0].p99_ms
    plain["results"][0]["p99_ms"] = old["results"][0]["p99_ms"]
    with pytest.raises(GateFailed, match="a p99 is of fewer than 1000 runs"):
        documents.read(saved(tmp_path / "phone.json", plain))


def test_a_ratio_that_is_not_that_of_its_medians_is_refused(tmp_path: Path) -> None:
    plain = json.loads((VECTORS / "valid/version-1.json").read_text())
    plain["ratios"] = [[2.0]]
    with pytest.raises(GateFailed, match="ratios do not follow from the medians"):
        documents.read(saved(tmp_path / "phone.json", plain))


@pytest.fixture
def host() -> dict[str, Any]:
    """Two artifacts that took turns."""
    return json.loads((VECTORS / "valid/host.json").read_text())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(ratios=[[1.0, 2.0], [0.5, 1.0]]), "ratios or their intervals do not"),
        (lambda d: d["ratio_intervals"][0].__setitem__(1, [0.9, 2]), "ratios or their intervals"),
        (lambda d: d.update(comparisons=[]), "ratios or their intervals do not follow"),
        (lambda d: d["comparisons"][0].update(of=2), "a comparison is of none of the 2 results"),
        (lambda d: d.pop("comparisons"), "comparisons are what version 2 has"),
        (lambda d: d.update(schema_version=1), "comparisons are what version 2 has"),
        (lambda d: d["comparisons"][0]["clock"].update(ratio=2.1), "its processes give 1.99999"),
        (lambda d: d["comparisons"][0]["clock"].update(processes=[2]), "processes: expected .*arr"),
        (lambda d: d["comparisons"][0].update(why_invalid=["no"]), "1 over 0: .* valid, but: no"),
        (lambda d: d["comparisons"][0].update(valid=False), "1 over 0: .* without a reason"),
    ],
)
def test_a_ratio_that_contradicts_its_turns_is_refused(
    change: Callable[[dict[str, Any]], object], message: str, host: dict[str, Any], tmp_path: Path
) -> None:
    change(host)
    with pytest.raises(GateFailed, match=message):
        documents.read(saved(tmp_path / "host.json", host))


def test_a_ratio_of_too_few_processes_is_marked_so(host: dict[str, Any], tmp_path: Path) -> None:
    for clock in ("clock", "cpu"):
        host["comparisons"][0][clock]["processes"] = [2.0] * 9
    host["comparisons"][0]["clock"] |= {"ratio": 2.0, "interval": [2.0, 2.0]}
    host["comparisons"][0]["cpu"] |= {"ratio": 2.0, "interval": [2.0, 2.0]}
    with pytest.raises(GateFailed, match="valid, but: 9 processes are fewer than 10"):
        documents.read(saved(tmp_path / "host.json", host))


def test_a_ratio_needs_no_valid_latency(host: dict[str, Any], tmp_path: Path) -> None:
    host["results"][0] |= {"valid": False, "why_invalid": ["spread of 12.0 % is over 10 %"]}
    found = documents.read(saved(tmp_path / "host.json", host))
    assert (
        found.ratios[1][0]
        == found.comparison(0, 1).clock.ratio
        == found.comparison(1, 0).clock.ratio
    )
    assert found.comparison(0, 0) is None


def test_a_table_may_leave_out_what_is_known(host: dict[str, Any], tmp_path: Path) -> None:
    host |= {"ratios": [[None, None], [None, None]], "ratio_intervals": None}
    assert documents.read(saved(tmp_path / "host.json", host)).ratios[1][0] is None


@pytest.mark.parametrize("name", ["ratios", "ratio_intervals"])
@pytest.mark.parametrize("rows", [[[1.0, 1.0]], [[1.0], [1.0]], []])
def test_ratios_have_a_row_and_a_column_for_each_result(
    name: str, rows: list[list[float]], plain: dict[str, Any], tmp_path: Path
) -> None:
    cells = rows if name == "ratios" else [[[x, x] for x in row] for row in rows]
    plain[name] = cells
    with pytest.raises(GateFailed, match=f"{name} is not 1 x 1"):
        documents.read(saved(tmp_path / "phone.json", plain))


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        ("{", GateFailed, "is not JSON"),
        ('{"schema_version": NaN}', GateFailed, "NaN is not a JSON number"),
        ('{"schema_version": 1e999}', GateFailed, "the number 1e999 is out of range"),
        (f'{{"schema_version": {"1" * 400}}}', GateFailed, "the number 1111.* is out of range"),
        (
            '{"schema_version": 1, "schema_version": 1}',
            GateFailed,
            "the key 'schema_version' occurs twice",
        ),
        ('{"schema_version": 9, "results": []}', UsageError, "has schema 9, newer than 3: update"),
        ('{"schema_version": 9, "golden": []}', GateFailed, "is not a measurement"),
        ("[" * 100_000, GateFailed, "nested too deeply"),
        ("[]", GateFailed, "is not a measurement"),
    ],
)
def test_what_is_no_document_is_refused_in_one_line(
    content: str, error: type[Exception], message: str, tmp_path: Path
) -> None:
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(error, match=message) as caught:
        documents.read(tmp_path / "x.json")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"x\.json does not exist"):
        documents.read(tmp_path / "x.json")


def test_a_folder_is_no_document(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        documents.read(tmp_path)


def test_a_document_inside_another_is_checked_too(plain: dict[str, Any], tmp_path: Path) -> None:
    inner = json.loads(json.dumps(plain))
    inner["results"][0]["p50_ms"] = 99.0
    with pytest.raises(GateFailed, match=r"imported\[0\].*p50_ms"):
        documents.read(saved(tmp_path / "x.json", plain | {"imported": [inner]}))


@pytest.mark.parametrize("levels", [documents.MOST_LEVELS + 1, 300])
def test_documents_inside_documents_without_end_are_refused(
    levels: int, plain: dict[str, Any], tmp_path: Path
) -> None:
    text = json.dumps(plain | {"imported": []})
    (tmp_path / "x.json").write_text(text.removesuffix("]}") * levels + "]}" * levels)
    with pytest.raises(GateFailed, match="imported documents are nested over") as caught:
        documents.read(tmp_path / "x.json")
    assert len(str(caught.value)) <= 300 + len(str(tmp_path))


def test_a_document_passed_if_nothing_failed(plain: dict[str, Any]) -> None:
    document = msgspec.convert(plain, BenchDocument)
    assert document.passed
    failure = documents.Failure(artifact="a", error="damaged")
    assert not msgspec.structs.replace(document, failed=(failure,)).passed
    good = BaselineComparison(file="f", fail_over_percent=5.0, passed=True, changes=())
    assert msgspec.structs.replace(document, baseline=good).passed
    untimed = Change(
        artifact="a", device="d", p50_ms=1.0, baseline_ms=None, change_percent=None, passed=False,
        why="cannot be timed here",
    )  # fmt: skip
    bad = BaselineComparison.of(Path("f"), 5.0, [untimed])
    assert not msgspec.structs.replace(document, baseline=bad).passed


def test_a_document_has_a_largest_number_of_results(plain: dict[str, Any], tmp_path: Path) -> None:
    result = plain["results"][0]
    plain |= {"results": [result] * 501, "ratios": [], "ratio_intervals": None}
    with pytest.raises(GateFailed, match="results"):
        documents.read(saved(tmp_path / "a.json", plain))


@pytest.mark.parametrize("kind", KINDS)
def test_a_document_that_is_something_else(kind: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"a\.json"):
        documents.read(put(kind, tmp_path / "a.json"))

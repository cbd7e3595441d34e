"""`slide-mobile bench`: what it prints, its errors in one line, and its exit codes."""

import io
import json
import shutil
from pathlib import Path

import pytest
from calls import run
from click.testing import CliRunner, Result
from converted_once import ConvertedOnce
from msgspec.structs import replace
from rich.console import Console

from slide_mobile.bench import documents, in_turn, sessions
from slide_mobile.cli import main
from slide_mobile.cli.bench import _print

PHONE = Path(__file__).parents[2] / "apps/conformance/bench/valid/android.json"
QUICK = ["--min-runs", "32", "--min-seconds", "0.05", "--max-seconds", "0", "--quiet"]


def bench(*arguments: object) -> Result:
    return run("bench", *arguments)


@pytest.fixture(scope="session")
def tflite(converted: ConvertedOnce) -> Path:
    return converted("tflite", "fp32").root


def read(text: str, tmp_path: Path) -> documents.BenchDocument:
    """What stdout has, read as strictly as a file."""
    (tmp_path / "stdout.json").write_text(text)
    return documents.read(tmp_path / "stdout.json")


def earlier(path: Path, **environment: object) -> Path:
    """The phone's document, with another environment."""
    plain = json.loads(PHONE.read_text())
    plain["environment"] |= environment
    path.write_text(json.dumps(plain))
    return path


def twice_as_fast(path: Path) -> Path:
    """An earlier document in which the phone needed half the time."""
    plain = json.loads(PHONE.read_text())
    result = plain["results"][0]
    for name in ("p50_ms", "p90_ms", "mean_ms"):
        result[name] /= 2
    result["samples_ms"] = [ms / 2 for ms in result["samples_ms"]]
    path.write_text(json.dumps(plain))
    return path


@pytest.mark.slow
def test_what_was_measured_is_printed(
    tflite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "SESSIONS", 2)
    twin = shutil.copytree(tflite, tmp_path / "twin")
    done = bench(tflite, twin, "--profile", *QUICK)
    assert done.exit_code == 0, done.output
    for words in ("p50 ms", "delegated", "ratios, with 95 %", "  2 / 1  ", "where the time goes"):
        assert words in done.stdout
    assert "no answer: 2 processes are fewer than 10" in done.stdout


@pytest.mark.slow
def test_an_artifact_is_a_baseline_that_takes_turns(
    tflite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "SESSIONS", 2)
    twin = shutil.copytree(tflite, tmp_path / "twin")
    done = bench(tflite, "--baseline", twin, "--fail-over", "9%", "--json", *QUICK)
    assert done.exit_code == 1
    found = read(done.stdout, tmp_path)
    assert [result.artifact for result in found.results] == [str(tflite), str(twin)]
    (change,) = found.baseline.changes
    assert (change.artifact, change.why[:30]) == (str(tflite), "no answer: 2 processes are few")
    assert (found.baseline.file, found.baseline.fail_over_percent) == (str(twin), 9.0)
    both = bench(tflite, twin, "--baseline", twin, *QUICK)
    assert f"failed  compared with {twin}, at most 5 % slower" in both.stdout
    assert "\n3  " not in both.stdout


@pytest.mark.slow
def test_a_baseline_that_is_no_artifact_leaves_the_others(tflite: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = bench(tflite, "--baseline", tmp_path / "empty", *QUICK)
    assert done.exit_code == 2 and "p50 ms" in done.stdout
    no_artifact, no_baseline = done.stderr.splitlines()
    assert "is not an artifact folder" in no_artifact
    assert "empty was not measured, so nothing can be compared with it" in no_baseline


def test_a_ratio_is_printed_with_its_interval_and_that_in_cpu_time() -> None:
    document = documents.read(PHONE.with_name("host.json"))
    assert printed(document).endswith("  2 / 1  2.000 [1.994, 2.006], 2.000 in CPU time\n")
    earlier = in_turn.compare(document, Path(document.results[0].artifact))
    compared = printed(replace(document, baseline=earlier))
    assert "!! slower: 2.000 of the baseline's latency (+100.0 %)" in compared
    unknown = replace(document, comparisons=(), ratios=((None,) * 2,) * 2, ratio_intervals=None)
    assert printed(unknown).endswith("  2 / 1  no answer\n")


def printed(document: documents.BenchDocument) -> str:
    """What a person sees."""
    console = Console(width=100, file=io.StringIO(), highlight=False)
    _print(console, document)
    return console.file.getvalue()


@pytest.mark.slow
def test_each_failure_costs_a_line(tflite: Path, tmp_path: Path) -> None:
    damaged = shutil.copytree(tflite, tmp_path / "damaged")
    (damaged / "model.tflite").write_bytes(b"no model")
    done = bench(damaged, tmp_path / "nothing", tflite, "--json", *QUICK)
    assert done.exit_code == 1
    found = read(done.stdout, tmp_path)
    assert [result.artifact for result in found.results] == [str(tflite)]
    lines = done.stderr.splitlines()
    assert len(lines) == len(found.failed) == 2
    for path in (damaged, tmp_path / "nothing"):
        assert sum(line.count(f"{path}") for line in lines) == 1
    alone = bench(damaged, *QUICK)
    assert alone.exit_code == 1 and alone.stdout == "" and len(alone.stderr.splitlines()) == 1


@pytest.mark.slow
def test_threads_that_a_runtime_cannot_have_are_refused(converted: ConvertedOnce) -> None:
    done = bench(converted("executorch", "fp32").root, "--threads", 99, *QUICK)
    assert done.exit_code == 2 and "computes on 1 thread or on all" in done.stderr


def test_phones_alone(tmp_path: Path) -> None:
    done = bench("--import", PHONE, "--import", PHONE, "--json")
    assert done.exit_code == 0, done.output
    found = read(done.stdout, tmp_path)
    assert found.results == () and len(found.imported) == 2 and found.failed == ()


def test_what_a_phone_measured_is_a_table() -> None:
    done = bench("--import", PHONE)
    assert "slide_swin_demo-tflite-int8, Pixel 9: LiteRT 2.2.0, cpu, XNNPACK, 4 threads" in (
        done.stdout
    )
    assert "120/121" in done.stdout and "5.1" in done.stdout


def test_the_table_fits_into_80_columns_and_cuts_no_number_off() -> None:
    other = PHONE.with_name("sustained.json")
    done = CliRunner().invoke(
        main, ["bench", "--import", str(PHONE), "--import", str(other)], env={"COLUMNS": "80"}
    )
    assert max(map(len, done.stdout.splitlines())) <= 80 and "…" not in done.stdout
    heading = "p50 ms p90 p99 first load peak MB runs parts delegated"
    assert heading in [" ".join(line.split()) for line in done.stdout.splitlines()]


def test_where_nothing_was_measured_there_is_no_table(tmp_path: Path) -> None:
    done = bench(tmp_path / "a", tmp_path / "b", "--quiet")
    assert done.exit_code == 1 and done.stdout == ""


def test_a_file_that_cannot_be_imported_is_a_line(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{")
    done = bench("--import", PHONE, "--import", tmp_path / "bad.json")
    assert done.exit_code == 1 and "Pixel 9" in done.stdout
    (line,) = done.stderr.splitlines()
    assert "bad.json is not a measurement: it is not JSON" in line
    alone = bench("--import", tmp_path / "bad.json")
    assert alone.exit_code == 1 and alone.stdout == ""


def test_a_broken_artifact_does_not_hide_what_a_phone_measured(tmp_path: Path) -> None:
    done = bench(tmp_path / "none", "--import", PHONE, "--json", "--quiet")
    assert done.exit_code == 1
    found = read(done.stdout, tmp_path)
    assert len(found.imported) == 1
    assert [failure.artifact for failure in found.failed] == [str(tmp_path / "none")]
    (line,) = done.stderr.splitlines()
    assert "is not an artifact folder" in line


def test_a_baseline_judges(tmp_path: Path) -> None:
    file = twice_as_fast(tmp_path / "earlier.json")
    done = bench("--import", PHONE, "--baseline", file)
    assert done.exit_code == 1
    assert f"failed  compared with {file}, at most 5 % slower" in done.stdout
    assert "(+100.0 %)" in done.stdout
    allowed = bench("--import", PHONE, "--baseline", file, "--fail-over", "150%")
    assert allowed.exit_code == 0 and f"passed  compared with {file}" in allowed.stdout


def test_what_was_measured_is_printed_though_the_baseline_is_of_others(tmp_path: Path) -> None:
    file = earlier(tmp_path / "earlier.json", device="Pixel 3")
    done = bench("--import", PHONE, "--baseline", file, "--json", "--quiet")
    assert done.exit_code == 2
    found = read(done.stdout, tmp_path)
    assert len(found.imported) == 1 and "baseline" not in json.loads(done.stdout)
    (line,) = done.stderr.splitlines()
    assert "has no measurement of these artifacts" in line and "Pixel 3" in line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give artifact folders, or --import FILE.json"),
        (["x", "--fail-over", "5%"], "--fail-over needs a --baseline"),
        (["x", "--baseline", "nowhere.json"], "nowhere.json does not exist"),
        (["x", "--baseline", str(PHONE), "--fail-over", "much"], "a percentage such as 5%"),
        (["x", "--max-seconds", "nan"], "max-seconds must be 0 to 1e+06, got nan"),
        (["x"], "is not an artifact folder"),
    ],
)
def test_wrong_calls_are_one_line(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = bench(*arguments, "--quiet")
    assert done.exit_code == 2 and done.stdout == "" and message in done.stderr
    assert len(done.stderr.splitlines()) == 1

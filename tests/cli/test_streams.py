"""What the command line prints where: results on stdout, one line on stderr, the exit code."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from calls import CONVERT, command, run
from PIL import Image

from slide_mobile import models


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["convert"], "missing option '--to' (see slide-mobile convert --help)"),
        (["conver"], "no such command 'conver'"),
        (["convert", "--to", "tflite", "--num-classes", "0"], "--num-classes"),
    ],
)
def test_a_call_that_does_not_parse_is_one_line_and_an_object(
    arguments: list[str], message: str
) -> None:
    done = subprocess.run(
        command(*arguments, "--json"), capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1 and message in done.stderr
    assert json.loads(done.stdout)["exit_code"] == 2


def test_a_closed_pipe_is_not_a_failed_gate() -> None:
    line = f"{sys.executable} -m slide_mobile doctor --json | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
    assert done.stdout.strip() in {"0", "141"} and done.stderr.count("Traceback") == 0


def test_a_full_standard_output_is_one_line() -> None:
    line = f"{sys.executable} -m slide_mobile doctor --quiet > /dev/full"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: cannot write the result to standard output")
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_path_that_is_markup_or_no_text_is_printed_as_it_is() -> None:
    done = subprocess.run(
        [*command("check"), b"a[/b]\xff", "-q"],
        capture_output=True, check=False, env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith(b"error: a[/b]\\udcff is not an artifact folder")


def test_an_error_with_json_is_an_object_on_stdout() -> None:
    result = run("check", "nowhere", "--json", "--quiet")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["exit_code"] == 2


def test_a_bug_is_one_line_without_debug_and_a_traceback_with_it(monkeypatch) -> None:
    def explode() -> list:
        raise ZeroDivisionError("boom")

    monkeypatch.setattr("slide_mobile.models.catalogue.list_models", explode)
    result = run("models", "--quiet")
    assert result.exit_code == 70
    assert result.stderr.strip() == (
        "error: internal error (ZeroDivisionError: boom); --debug shows where"
    )
    assert isinstance(run("models", "--debug").exception, ZeroDivisionError)


@pytest.fixture(scope="module")
def listed() -> tuple[list[dict[str, Any]], list[str]]:
    """What `models` prints: the rows of --json, and the lines of the table."""
    return json.loads(run("models", "--json").stdout), run("models").stdout.splitlines()


def test_models_prints_every_model_and_json_has_the_papers_figures(listed) -> None:
    rows, lines = listed
    assert [row["name"] for row in rows] == models.names()
    tiny = next(row for row in rows if row["name"] == "slide_swin_tiny")
    assert tiny["paper"] == {"params_m": 29.0, "macs_g": 4.6, "top1": 82.3}
    assert any("im2col_swin_tiny" in line for line in lines)


def test_models_marks_what_is_far_from_the_paper_and_says_why(listed) -> None:
    listed_rows, lines = listed
    rows = {row["name"]: row for row in listed_rows}
    far = {name for name, row in rows.items() if row["difference"]["far"]}
    assert {name for line in lines for name in line.split()[:1] if "!" in line} - {"!"} == far
    # 23.61 M counted, 22.8 M printed; 4.191 and 4.2 G.
    difference = rows["slide_pvt_v2_b2"]["difference"]
    assert difference["params_percent"] == pytest.approx(3.5, abs=0.1)
    assert difference["macs_percent"] == pytest.approx(-0.2, abs=0.1)
    # 6.855 G counted, 6.9 G printed; 34.68 and 35 M.
    assert not rows["slide_cswin_small"]["difference"]["far"]
    assert rows["slide_swin_tiny_release"]["difference"] == {
        "params_percent": None,
        "macs_percent": None,
        "far": False,
    }
    assert all(rows[name]["notes"] for name in far)
    (mean,) = rows["slide_pvt_tiny"]["notes"]
    (number,) = (line.split()[0] for line in lines if line.endswith(f" {mean}"))
    for name, row in rows.items():
        (line,) = (line for line in lines if line.split()[:1] == [name])
        assert (line.split()[-1] == number) == (row["notes"] == [mean])


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    draw = np.random.default_rng(0)
    for i in range(8):
        pixels = draw.integers(0, 256, (70, 100, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")
    return folder


@pytest.mark.slow
def test_stdout_is_one_json_object_and_a_corrupt_image_is_named(
    weights: Path, photos: Path, tmp_path: Path
) -> None:
    (photos / "bad.png").write_bytes(b"broken")
    done = subprocess.run(
        command(
            *CONVERT, "--checkpoint", weights, "--int8", "--calibration", photos,
            "--out", tmp_path / "out", "--json",
        ),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    document = json.loads(done.stdout)
    assert done.returncode == 0 and done.stderr == ""
    assert set(document) == {"artifact", "seconds", "peak_rss_bytes", "manifest_sha256", "manifest"}
    manifest = document["manifest"]
    assert manifest["calibration"]["images"] + manifest["parity"]["samples"] == 8
    assert any("bad.png" in note for note in manifest["notes"])
    assert manifest["model"]["trained"] is True and manifest["model"]["checkpoint_sha256"]

    checked = subprocess.run(
        command("check", document["artifact"], "--checkpoint", weights, "--json", "-q"),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    result = json.loads(checked.stdout)
    assert checked.returncode == 0 and result["passed"] and result["modules"]
    assert {
        "artifact",
        "passed",
        "sqnr_db",
        "max_abs",
        "top1_agreement",
        "samples",
        "accuracy",
    } <= (set(result))

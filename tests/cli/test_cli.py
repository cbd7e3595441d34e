"""The command line: one line for each failure, the right exit code, nothing left behind."""

import contextlib
import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image
from safetensors.torch import save_file

from slide_mobile import models
from slide_mobile.cli import main
from slide_mobile.cli.session import Session, verb

CONVERT = ["convert", "slide_swin_test", "--to", "tflite", "--quiet"]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "test.safetensors"
    save_file(models.create("slide_swin_test").state_dict(), path)
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    draw = np.random.default_rng(0)
    for i in range(3):
        pixels = draw.integers(0, 256, (70, 100, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")
    return folder


class Gadget:
    def __reduce__(self) -> tuple:
        return os.system, ("touch executed",)


def broken_checkpoints(folder: Path, weights: Path) -> dict[str, Path]:
    good = weights.read_bytes()
    nan = models.create("slide_swin_test").state_dict()
    nan["head.bias"][0] = torch.nan
    paths = {
        name: folder / name
        for name in (
            "missing.pth", "empty.pth", "cut.safetensors", "text.pth", "evil.pth", "other.pth",
            "nan.safetensors",
        )
    }  # fmt: skip
    paths["empty.pth"].write_bytes(b"")
    paths["cut.safetensors"].write_bytes(good[: len(good) // 2])
    paths["text.pth"].write_text("these are not weights\n")
    paths["evil.pth"].write_bytes(pickle.dumps({"model": Gadget()}))
    torch.save(models.create("slide_swin_demo").state_dict(), paths["other.pth"])
    save_file(nan, paths["nan.safetensors"])
    return paths


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.pth", "missing.pth"),
        ("empty.pth", "empty"),
        ("cut.safetensors", "cut.safetensors"),
        ("text.pth", "text.pth"),
        ("evil.pth", "refused: the file wants to run posix.system"),
        ("other.pth", "these are weights of slide_swin_demo"),
        ("nan.safetensors", "head.bias"),
    ],
)
def test_a_bad_checkpoint_is_one_line(
    name: str, message: str, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = broken_checkpoints(tmp_path, weights)[name]
    result = run(*CONVERT, "--checkpoint", path, "--out", tmp_path / "out")
    assert_refused(result, message)
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "executed").exists()


def assert_refused(result: Result, message: str, code: int = 2) -> None:
    assert result.exit_code == code, result.output
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: "), result.output
    assert message in lines[0]
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["convert", "slide_swin_tny", "--to", "tflite", "--untrained"], "did you mean"),
        (["convert", "--to", "tflit"], "did you mean 'tflite'"),
        (["convert", "--to", "coreml", "--precision", "int8-dynamic"], "it has fp16, fp32, int8"),
        (["convert", "--to", "onnx", "--backend", "xnnpack"], "has no backend 'xnnpack'; it has"),
        (["convert", "--to", "tflite", "--precision", "int9"], "did you mean 'int8'"),
        (["convert", "--to", "tflite", "--int8", "--fp16"], "choose one precision"),
        (["convert", "--to", "tflite", "--via", "tf"], "has no road 'tf'; it has litert, onnx"),
        (["convert", "--to", "tflite", "--backend", "gpu"], "it has xnnpack, xnnpack-fp16"),
        (["convert", "swin_tiny", "--to", "tflite"], "give --checkpoint FILE, or --untrained"),
        ([*CONVERT, "--untrained", "--input-size", "100"], "the nearest is 96x96"),
        ([*CONVERT, "--untrained", "--input-size", "big"], "--input-size takes N or HxW"),
        ([*CONVERT, "--untrained", "--mean", "1,2"], "three numbers"),
        ([*CONVERT, "--untrained", "--mean", "123,116,103"], "divide by 255"),
        ([*CONVERT, "--untrained", "--std", "0,1,1"], "std positive"),
        ([*CONVERT, "--untrained", "--int8", "--calibration-samples", "0"], "must be 1 to 10000"),
        ([*CONVERT, "--untrained", "--int8", "--calibration", "nowhere"], "is not a folder"),
        ([*CONVERT, "--untrained", "--labels", "nowhere.txt"], "cannot read the labels"),
        (["check", "nowhere"], "is not an artifact folder"),
        (["inspect", "nowhere"], "is not an artifact folder"),
        (["check", "nowhere", "--against", "x"], "is not an artifact folder"),
        (["check", "x", "--against", "y", "--modules"], "leave --checkpoint and --modules out"),
        (["bench", "x", "--threads", "2"], "not yet: bench"),
        (["report", "x"], "not yet: report"),
        (["convert", "../../x", "--to", "tflite", "--untrained"], "no model named '../../x'"),
        (["convert", "--to", "tflite", "--precision", ""], "no precision named ''"),
        ([*CONVERT, "--untrained", "--calibration-samples", "99999999"], "must be 1 to 10000"),
    ],
    ids=lambda value: " ".join(value[-2:]) if isinstance(value, list) else "",
)
def test_a_wrong_call_is_one_line(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*arguments, "--quiet") if "--quiet" not in arguments else run(*arguments)
    assert_refused(result, message)
    assert list(tmp_path.iterdir()) == []


def test_int8_of_a_users_checkpoint_needs_calibration(weights: Path, tmp_path: Path) -> None:
    result = run(*CONVERT, "--checkpoint", weights, "--int8", "--out", tmp_path)
    assert_refused(result, "give --calibration DIR")


def test_a_calibration_folder_without_images_is_one_line(weights: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = run(
        *CONVERT, "--checkpoint", weights, "--int8", "--calibration", tmp_path / "empty",
        "--out", tmp_path / "out",
    )  # fmt: skip
    assert_refused(result, "holds no images")


def test_labels_of_the_wrong_length_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("a\nb\n")
    result = run(
        *CONVERT, "--untrained", "--labels", tmp_path / "labels.txt", "--out", tmp_path / "out"
    )
    assert_refused(result, "has 2 labels, the model has 5 classes")


def test_an_existing_folder_is_kept_without_force(tmp_path: Path) -> None:
    (tmp_path / "slide_swin_test-tflite-fp32").mkdir()
    assert_refused(run(*CONVERT, "--untrained", "--out", tmp_path), "replace it with --force")


def test_an_unwritable_output_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = run(*CONVERT, "--untrained", "--out", tmp_path / "file")
    assert_refused(result, "cannot make the folder")


def test_an_empty_label_is_named_by_its_line(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("a\n\nb\nc\nd\n")
    result = run(
        *CONVERT, "--untrained", "--labels", tmp_path / "labels.txt", "--out", tmp_path / "out"
    )
    assert_refused(result, "has no label in line 2")


def test_a_time_that_is_none_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    assert_refused(run(*CONVERT, "--untrained"), "SOURCE_DATE_EPOCH=yesterday")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["convert"], "Missing option '--to'. (slide-mobile convert --help)"),
        (["conver"], "No such command 'conver'"),
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
    line = f"{sys.executable} -m slide_mobile models --json | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
    assert done.stdout.strip() in {"0", "141"} and done.stderr.count("Traceback") == 0


def test_a_full_standard_output_is_one_line() -> None:
    line = f"{sys.executable} -m slide_mobile models --quiet > /dev/full"
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

    monkeypatch.setattr("slide_mobile.models.catalogue.rows", explode)
    result = run("models", "--quiet")
    assert result.exit_code == 70
    assert result.stderr.strip() == (
        "error: internal error (ZeroDivisionError: boom); --debug shows where"
    )
    assert isinstance(run("models", "--debug").exception, ZeroDivisionError)


def test_models_prints_every_model_and_json_has_the_papers_figures() -> None:
    rows = json.loads(run("models", "--json").stdout)
    assert [row["name"] for row in rows] == models.names()
    tiny = next(row for row in rows if row["name"] == "slide_swin_tiny")
    assert tiny["paper"] == {"params_m": 29.0, "macs_g": 4.6, "top1": 82.3}
    assert "im2col_swin_tiny" in run("models").stdout


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C as in a terminal: the tests themselves may run in the background, ignoring it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interruption_that_a_toolchain_swallows_is_not_forgotten() -> None:
    def command(session: Session) -> None:
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        session.progress("the next stage")
        raise AssertionError("the interruption was forgotten")

    with pytest.raises(SystemExit) as caught:
        verb(command)(as_json=False, quiet=True, debug=False)
    assert caught.value.code == 130
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "slide_mobile", *map(str, arguments)]


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
    assert set(document) == {"artifact", "seconds", "peak_rss_bytes", "manifest"}
    manifest = document["manifest"]
    assert manifest["calibration"]["images"] == 3
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


def start(out: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        command("convert", "slide_swin_test", "--untrained", "--to", "tflite", "--out", out),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    assert process.stderr is not None
    for line in process.stderr:  # progress goes to stderr, a line a stage
        if "lower to tflite" in line:
            break
    time.sleep(1)
    return process


@pytest.mark.slow
def test_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    process = start(tmp_path)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert err.strip() == "error: interrupted; nothing was written" and out == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_kill_leaves_no_artifact_and_the_next_run_works(tmp_path: Path) -> None:
    process = start(tmp_path)
    process.kill()
    process.communicate()
    assert [p for p in tmp_path.iterdir() if not p.name.startswith(".")] == []
    subprocess.run(command(*CONVERT, "--untrained", "--out", tmp_path), check=True)
    assert [p.name for p in tmp_path.iterdir()] == ["slide_swin_test-tflite-fp32"]


@pytest.mark.slow
def test_a_write_that_fails_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    def no_file_above_64_kb() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    done = subprocess.run(
        command(*CONVERT, "--untrained", "--out", tmp_path),
        capture_output=True, text=True, check=False, preexec_fn=no_file_above_64_kb,
    )  # fmt: skip
    assert done.returncode == 2
    assert "cannot write to" in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
